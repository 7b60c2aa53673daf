"""What it costs that half precision sees all: `python benchmarks/half_precision.py`.

A linear layer with bfloat16 weights, one with the rest of the weights beside them (evaluation), one
that splits them in each pass (training), and one in single precision take the same rows in
alternating rounds, without gradients.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from clearbench.models.device import prepare_device
from clearbench.models.precise_linear import PreciseLinear


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=2048, help="LLaVA-1.5-7B has 4096")
    parser.add_argument("--rows", type=int, default=512, help="tokens a batch")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()

    device = prepare_device(0)
    single = nn.Linear(options.width, options.width, bias=False)
    single.weight.data = single.weight.data.bfloat16().float() * (1 + 1e-4)

    def precise() -> PreciseLinear:
        layer = nn.Linear(options.width, options.width, bias=False)
        return PreciseLinear(layer, torch.bfloat16)

    split = precise()
    split.split()
    layers: dict[str, nn.Linear] = {
        "bfloat16": nn.Linear(options.width, options.width, bias=False).bfloat16(),
        "bfloat16 with the rest": split,
        "bfloat16 of whole weights": precise(),
        "float32": single,
    }
    rows = torch.randn(options.rows, options.width, device=device).bfloat16()
    seconds: dict[str, list[float]] = {name: [] for name in layers}
    for layer in layers.values():
        layer.to(device)
    for _ in range(options.rounds + 1):
        for name, layer in layers.items():
            given = rows.float() if name == "float32" else rows
            start = time.perf_counter()
            layer(given)
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    plain = statistics.median(seconds["bfloat16"][1:])
    for name, taken in seconds.items():
        # The first round warms up.
        median = statistics.median(taken[1:])
        print(f"{name}: {1000 * median:.1f} ms, {median / plain:.2f} times bfloat16, on {device}")


if __name__ == "__main__":
    main()
