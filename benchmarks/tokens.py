"""What it costs to record the true answer's tokens: `python benchmarks/tokens.py`.

A suite's original model answers its evaluation samples, in alternating rounds with the numbers of
single tokens and without; the sizes are those of the records' files. After `make mini`.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from unittest.mock import patch

from evaluation import spread

from clearbench.data.store import Store
from clearbench.evaluation import likelihood
from clearbench.evaluation.evaluate import evaluate
from clearbench.evaluation.records import Record, fields_of
from clearbench.evaluation.tokens import Tokens
from clearbench.models.checkpoint import load_model
from clearbench.models.device import prepare_device
from clearbench.models.encoding import load_encoder

NOTHING = Tokens((), (), (), ())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results/mini"))
    parser.add_argument("--domain", choices=["text", "multimodal"], default="multimodal")
    parser.add_argument("--forget-size", type=int, default=10)
    parser.add_argument("--samples", type=int, default=256, help="so many, spread over all tasks")
    parser.add_argument("--batch-size", type=int, default=64, help="prompts a batch")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    device = prepare_device(0)
    store = Store(options.results / "dataset")
    base, original = (options.results / name / "seed0" for name in ("base", "original"))
    model = load_model(base, [original], options.domain, "float32", device)
    encoder = load_encoder(base, options.domain, store)
    samples = spread(store.evaluation(options.forget_size), options.samples)

    def run(without: bool) -> list[Record]:
        size, limit = options.batch_size, options.max_new_tokens
        if not without:
            return evaluate(model, encoder, samples, size, limit)
        with patch.object(likelihood, "by_log_probabilities", lambda *_: NOTHING):
            return evaluate(model, encoder, samples, size, limit)

    # On a CPU only the processor's time is counted: other programs may share the machine.
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(options.rounds + 1):
        for without, taken in seconds.items():
            start = clock()
            records = run(without)
            taken.append(clock() - start)
    # The first round warms up.
    ratios = [a / b for a, b in zip(seconds[False][1:], seconds[True][1:], strict=True)]
    print(
        f"{len(samples)} samples on {device}: {statistics.median(ratios):.3f} times the time"
        f" without ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    lines = [fields_of(record) for record in records]
    whole = statistics.fmean(map(size_of, lines))
    plain = statistics.fmean(size_of({**line, "tokens": None}) for line in lines)
    tokens = statistics.fmean(len(record.tokens.log_p) for record in records if record.tokens)
    print(
        f"a record: {whole:.0f} bytes, {plain:.0f} without, {(whole - plain) / tokens:.1f} a token"
        f" of {tokens:.1f}"
    )


def size_of(fields: dict) -> int:
    return len(json.dumps(fields, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
