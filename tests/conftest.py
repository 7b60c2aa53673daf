"""What all tests share."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Continuous integration must fail on the same example as the machine beside it.
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")

# Many tests start processes of their own; without bytecode each compiles the package, and reads all
# of it for its fingerprint.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell or `nohup` that starts tests in the background lets them ignore Ctrl-C and the end of the
# terminal, and whom they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of others' texts beside the repository; skips where it is absent."""
    folder = Path(__file__).resolve().parents[1].parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs texts of others, which are not in the repository, at {folder}")
    return folder
