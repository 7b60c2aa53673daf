"""Calls that a warm process answers look like calls that run by themselves."""

import subprocess
import sys

import pytest

from .bench import COLD, Bench

CALLS = """
until [ -S "$CLEARBENCH_WARM" ]; do sleep 0.1; done
for i in 1 2 3 4 5 6 7 8 9 10; do clearbench methods npo; clearbench methods nothing; done
"""


def test_answered_calls_print_what_they_print_alone_and_no_more(tmp_path):
    command = [sys.executable, "-m", "clearbench.warm", "bash", "-c", CALLS]
    environment = {**Bench(tmp_path).environment, **COLD}
    warm = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    alone = [
        subprocess.run(
            ["clearbench", "methods", name], env=environment, capture_output=True, text=True
        )
        for name in ("npo", "nothing")
    ]
    assert warm.stdout == 10 * "".join(call.stdout for call in alone)
    assert warm.stderr == 10 * "".join(call.stderr for call in alone)
    assert [call.returncode for call in (*alone, warm)] == [0, 1, 1]


@pytest.mark.parametrize("words", [[], [sys.executable, "-m", "clearbench.warm"]])
def test_a_process_that_is_warm_already_answers_by_the_code_of_each_caller(tmp_path, words):
    bench = Bench(tmp_path).with_own_code()
    bench.edit("methods/npo.py", "Push the forget answers' likelihood", "Another text of it")
    done = bench.call([*words, sys.executable, "-m", "clearbench", "methods", "npo"])
    assert done.status == 0, done.output
    assert "Another text of it" in done.output
