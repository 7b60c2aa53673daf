"""What it costs to record the true answer's tokens: `python benchmarks/tokens.py`.

A suite's original model answers its evaluation samples. Of a round's time, that of the numbers of
single tokens is what a record without them would save: what they wait for is computed before. The
sizes are those of the records' file. After `make mini`.
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
from clearbench.evaluation.answer_tokens import said_of
from clearbench.evaluation.evaluate import evaluate
from clearbench.evaluation.records import fields_of
from clearbench.evaluation.tokens import Tokens
from clearbench.models.checkpoint import load_model
from clearbench.models.device import prepare_device
from clearbench.models.encoding import load_encoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results/mini"))
    parser.add_argument("--domain", choices=["text", "multimodal"], default="multimodal")
    parser.add_argument("--forget-size", type=int, default=10)
    parser.add_argument("--samples", type=int, default=256, help="so many, spread over all tasks")
    parser.add_argument("--batch-size", type=int, default=256, help="prompts a batch")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    device = prepare_device(0)
    store = Store(options.results / "dataset")
    base, original = (options.results / name / "seed0" for name in ("base", "original"))
    model = load_model(base, [original], options.domain, "float32", device)
    encoder = load_encoder(base, options.domain, store)
    samples = spread(store.evaluation(options.forget_size), options.samples)
    # On a CPU only the processor's time is counted: other programs may share the machine.
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    spent: list[float] = []

    def timed(*given) -> Tokens:
        start = clock()
        told = said_of(*given)
        spent.append(clock() - start)
        return told

    ratios = []
    with patch.object(likelihood, "said_of", timed):
        for _ in range(options.rounds + 1):
            spent.clear()
            start = clock()
            records = evaluate(model, encoder, samples, options.batch_size, options.max_new_tokens)
            whole = clock() - start
            ratios.append(whole / (whole - sum(spent)))
    # The first round warms up.
    ratios = ratios[1:]
    print(
        f"{len(samples)} samples on {device}: {statistics.median(ratios):.3f} times the time"
        f" without ({min(ratios):.3f} to {max(ratios):.3f} by round)"
    )
    told = [fields_of(record) for record in records]
    plain = [{name: value for name, value in fields.items() if name != "tokens"} for fields in told]
    sizes = [statistics.fmean(map(size_of, rows)) for rows in (told, plain)]
    tokens = statistics.fmean(len(record.tokens.log_p) for record in records if record.tokens)
    print(f"a record: {sizes[0]:.0f} bytes, {sizes[1]:.0f} without, of {tokens:.1f} tokens")


def size_of(fields: dict) -> int:
    return len(json.dumps(fields, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
