"""What sharing the prompt gains in evaluation: `python benchmarks/evaluation.py`.

A suite's original model answers its evaluation samples in two ways, in one process and thread, in
alternating rounds. *Plain*: each candidate answer is a sequence of its own behind its prompt, with
logits at every position, and the greedy answer is `generate` of transformers. *Shared*:
`clearbench.evaluation`, which runs a prompt once. Both have the same batches of prompts and as many
sequences a forward; neither is charged for encoding prompts, which both do once.
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from clearbench.data.store import EvalSample, Store
from clearbench.evaluation.evaluate import candidates, evaluate
from clearbench.models.answers import IGNORED
from clearbench.models.checkpoint import load_model
from clearbench.models.device import prepare_device
from clearbench.models.encoding import (
    Encoder,
    Example,
    Prompt,
    collate,
    load_encoder,
    merge_inputs,
)

Answered = tuple[list[list[float]], list[str]]


def main() -> None:
    parser = choices_of_samples(__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=32, help="sequences a forward")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    model, encoder, samples, device, clock = original_of(options)
    for sample in samples:
        encoder.prompt(sample.question, sample.image)

    def plain(limit: int) -> Answered:
        return plainly(model, encoder, samples, options.batch_size, limit)

    def shared(limit: int) -> Answered:
        # One new token is read off the prompt's own logits, so that nothing is generated.
        records = evaluate(model, encoder, samples, options.batch_size, max(limit, 1))
        return [list(record.losses) for record in records], [r.generated for r in records]

    print(
        f"{len(samples)} samples, {sum(len(candidates(s)) for s in samples)} candidates, {device}"
    )
    for name, limit in (("likelihoods", 0), ("likelihoods and greedy", options.max_new_tokens)):
        compare(name, plain, shared, limit, len(samples), options.rounds, clock)


def choices_of_samples(description: str) -> argparse.ArgumentParser:
    """The options that say of which original which samples are asked."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--results", type=Path, default=Path("results/mini"))
    parser.add_argument("--domain", choices=["text", "multimodal"], default="multimodal")
    parser.add_argument("--forget-size", type=int, default=10)
    parser.add_argument("--samples", type=int, default=256, help="so many, spread over all tasks")
    return parser


def original_of(options: argparse.Namespace):
    """The first seed's original, its encoder, the samples, the device and its clock."""
    device = prepare_device(0)
    store = Store(options.results / "dataset")
    base, original = (options.results / name / "seed0" for name in ("base", "original"))
    model = load_model(base, [original], options.domain, "float32", device)
    encoder = load_encoder(base, options.domain, store)
    samples = spread(store.evaluation(options.forget_size), options.samples)
    # On a CPU only the processor's time is counted: other programs may share the machine.
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    return model, encoder, samples, device, clock


def compare(name, plain, shared, limit: int, samples: int, rounds: int, clock) -> None:
    """Run both ways in turn and print their speeds and how far their results lie apart."""
    seconds: dict[str, list[float]] = {"plain": [], "shared": []}
    found: dict[str, Answered] = {}
    for _ in range(rounds):
        for way, run in (("plain", plain), ("shared", shared)):
            start = clock()
            found[way] = run(limit)
            seconds[way].append(clock() - start)
    speed = {way: samples / statistics.median(taken) for way, taken in seconds.items()}
    ratios = [a / b for a, b in zip(seconds["plain"], seconds["shared"], strict=True)]
    (losses, texts), (fast_losses, fast_texts) = found["plain"], found["shared"]
    apart = max(
        abs(a - b)
        for row, fast in zip(losses, fast_losses, strict=True)
        for a, b in zip(row, fast, strict=True)
    )
    print(
        f"{name}: plain {speed['plain']:.1f} samples/s, shared {speed['shared']:.1f} samples/s,"
        f" ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f});"
        f" largest difference of losses {apart:.1e}",
        flush=True,
    )
    if limit:
        same = sum(a == b for a, b in zip(texts, fast_texts, strict=True))
        print(f"  the same greedy answer: {same} of {samples}")


@torch.inference_mode()
def plainly(
    model: PreTrainedModel,
    encoder: Encoder,
    samples: Sequence[EvalSample],
    batch_size: int,
    max_new_tokens: int,
) -> Answered:
    """The losses of all candidates and, with a limit above 0, the greedy answers."""
    prompts = [encoder.prompt(sample.question, sample.image) for sample in samples]
    order = sorted(range(len(samples)), key=lambda i: (len(prompts[i].ids), i))
    losses: list[list[float]] = [[] for _ in samples]
    texts = [""] * len(samples)
    for batch in chunks(order, batch_size):
        rows = [(i, text) for i in batch for text in candidates(samples[i])]
        for part in chunks(rows, batch_size):
            examples = [example(encoder, prompts[i], text) for i, text in part]
            for (i, _), loss in zip(part, plain_losses(model, encoder, examples), strict=True):
                losses[i].append(loss)
        if max_new_tokens:
            replies = greedy(model, encoder, [prompts[i] for i in batch], max_new_tokens)
            for i, text in zip(batch, replies, strict=True):
                texts[i] = text
    return losses, texts


def plain_losses(
    model: PreTrainedModel, encoder: Encoder, examples: Sequence[Example]
) -> list[float]:
    """The mean NLL in nats of each answer, by one forward over whole sequences."""
    batch = collate(examples, encoder.padding, model.device)
    labels = batch.pop("labels")[:, 1:]
    logits = model(**batch, use_cache=False).logits[:, :-1]
    nll = cross_entropy(
        logits.transpose(1, 2).float(), labels, ignore_index=IGNORED, reduction="none"
    )
    found: list[float] = (nll.sum(-1) / (labels != IGNORED).sum(-1)).tolist()
    return found


def greedy(
    model: PreTrainedModel, encoder: Encoder, prompts: Sequence[Prompt], max_new_tokens: int
) -> list[str]:
    """Greedy answers by transformers' own generation."""
    width = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), width), encoder.padding)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt.ids) :] = prompt.ids
        mask[row, width - len(prompt.ids) :] = 1
    inputs = {
        "input_ids": ids,
        "attention_mask": mask,
        **merge_inputs(prompts, [p.ids for p in prompts], True),
    }
    output = model.generate(
        **{name: tensor.to(model.device) for name, tensor in inputs.items()},
        do_sample=False,
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(encoder.ends),
        pad_token_id=encoder.padding,
    )
    replies = []
    for row in output[:, width:].tolist():
        reply = takewhile(lambda token: token not in encoder.ends, row)
        replies.append(encoder.decode(list(reply)))
    return replies


def example(encoder: Encoder, prompt: Prompt, text: str) -> Example:
    """A candidate behind its prompt, and the end of text."""
    drop, tokens = encoder.answer(prompt, text)
    start = len(prompt.ids) - drop
    tail = torch.tensor(tokens)
    labels = torch.cat([torch.full((start,), IGNORED), tail])
    return Example(prompt, torch.cat([prompt.ids[:start], tail]), labels)


def spread(samples: Sequence[EvalSample], count: int) -> list[EvalSample]:
    """So many samples at even distances, so that every task is among them as often as in all."""
    step = max(len(samples) / count, 1)
    return [samples[int(i * step)] for i in range(min(count, len(samples)))]


def chunks(items: Sequence, size: int) -> Iterator[Sequence]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


if __name__ == "__main__":
    main()
