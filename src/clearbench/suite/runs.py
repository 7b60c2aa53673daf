"""Names of runs: `original/forget10`, `gold/forget10/seed0`, or a cell's `npo/text/forget10/seed0`.

A run is an evaluated model.
"""

GOLD_SEEDS = (0, 1)
"""The gold that scores are compared with, and the second one that gives the noise ceiling."""

LARGEST_SEED = 2**32 - 1
"""What every generator of random numbers takes."""

CONTROLS = ("original", "gold", "floor", "ceiling")
"""What the runs that every suite has begin with."""

OTHERS = ("imported", "external", "shadows")
"""What the runs begin with that are of no row of `methods`."""


def cell_run(row: str, modality: str, forget_size: int, seed: int) -> str:
    """The run of a cell; `row` is the name that the suite gives the method with its parameters."""
    return f"{row}/{modality}/forget{forget_size:02d}/seed{seed}"


def row_of(run: str) -> str:
    """The row that a cell's run is of."""
    return run.partition("/")[0]


def original_run(forget_size: int) -> str:
    """The run of the original at a forget size (its tasks differ between sizes)."""
    return f"original/forget{forget_size:02d}"


def gold_run(forget_size: int, seed: int) -> str:
    """The run of a gold."""
    return f"gold/forget{forget_size:02d}/seed{seed}"


def bound_run(bound: str, forget_size: int) -> str:
    """The run of a model that there is not, whose records are drawn from a gold's."""
    return f"{bound}/forget{forget_size:02d}"


def imported_run(name: str) -> str:
    """The run of a model that another group evaluated."""
    return f"imported/{name}"


def external_run(name: str) -> str:
    """The run of a model that was made elsewhere."""
    return f"external/{name}"


def shadow_run(number: int) -> str:
    """The models of a membership attack that a job trains, and that are evaluated together."""
    return f"shadows/{number}"


def unlearned_shadows(row: str, forget_size: int, number: int) -> str:
    """The records of the same models after a row's method."""
    return f"unlearn_shadows/{row}/forget{forget_size:02d}/{number}"
