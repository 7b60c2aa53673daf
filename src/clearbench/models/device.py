"""Where a stage computes, and how it is kept reproducible."""

import os

import torch

from clearbench import parallel
from clearbench.parallel import threads


def prepare_device(seed: int) -> torch.device:
    """Seed torch, fix threads and algorithms, and give the device: a GPU where there is one.

    Each of several processes of a job on a machine has the GPU of its own number.

    One thread a job unless OMP_NUM_THREADS says otherwise: the same number of threads gives the
    same bytes, on any number of cores.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(threads())
    # A tokenizer has threads of its own, which take longer to wake than a text to encode.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.cuda.set_device(parallel.local_rank())
        return torch.device("cuda")
    return torch.device("cpu")
