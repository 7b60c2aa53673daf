"""What it costs to record the true answer's tokens: `python benchmarks/tokens.py`.

A suite's original model answers its evaluation samples. Of a round's time, that of the numbers of
single tokens is what a record without them would save: what they wait for is computed before. The
sizes are those of the records' file. After `make mini`.
"""

import json
import statistics
from unittest.mock import patch

from evaluation import choices_of_samples, original_of

from clearbench.evaluation import likelihood
from clearbench.evaluation.answer_tokens import said_of
from clearbench.evaluation.evaluate import evaluate
from clearbench.evaluation.records import fields_of
from clearbench.evaluation.tokens import Tokens


def main() -> None:
    parser = choices_of_samples(__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=256, help="prompts a batch")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    model, encoder, samples, device, clock = original_of(options)
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
