"""What tests of models share: two images of different sizes, and the tokenizer of the tiny ones."""

import pytest

from clearbench.data.store import Store, write_store
from tiny_models import new_tokenizer, png


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [png(10), png(200, (32, 16))], [], [], [])
    return Store(folder)


@pytest.fixture(scope="module")
def tokenizer():
    return new_tokenizer()
