"""The ways to train that the suites of the repository do not use, end to end."""

import pytest

from .bench import TRAINING

FULL, ADAPTER = "model.safetensors", "adapter_model.safetensors"


def of_models(frame):
    """The rows of a table without those that are drawn from gold's, which lack some scores."""
    return frame[frame.modality != "drawn"]


def test_adapters_and_full_weights_can_be_stacked(bench):
    bench.write(
        modalities=["text"],
        finetune={**TRAINING, "weights": "lora"},
        unlearn={**TRAINING, "weights": "full"},
        methods={"retain_ft": {}, "npo": {"weights": "lora"}},
    )
    done = bench.snakemake()
    assert done.status == 0, done.output
    assert set(of_models(bench.table()).status) == {"ok"}
    assert "base" not in done.jobs
    kinds = {
        "base/seed0": FULL,
        "original/seed0": ADAPTER,
        "gold/forget10/seed0": ADAPTER,
        "unlearn/retain_ft/text/forget10/seed0": FULL,
        "unlearn/npo/text/forget10/seed0": ADAPTER,
    }
    for folder, kind in kinds.items():
        files = {path.name for path in (bench.results() / folder).iterdir()}
        assert files & {FULL, ADAPTER} == {kind}, folder


def test_what_the_original_says_is_stored_once_for_the_cells_that_ask(bench):
    computed = bench.table().set_index(["method", "modality", "metric"])["mean"]
    bench.write(reference="stored")
    done = bench.snakemake()
    assert done.status == 0, done.output
    assert done.jobs.count("reference") == 1
    # Retain fine-tuning asks the original nothing, so its cells are not made again.
    assert done.jobs.count("unlearn") == 2
    stored = bench.table()
    assert set(of_models(stored).status) == {"ok"}
    stored = stored.set_index(["method", "modality", "metric"])["mean"]
    assert stored["retain_ft"].equals(computed["retain_ft"])
    assert stored["npo"].to_dict() == pytest.approx(computed["npo"].to_dict(), abs=0.02)
    assert bench.clearbench("audit").status == 0
    assert bench.snakemake().jobs == []


def test_a_text_model_learns_and_forgets_the_texts_of_a_dataset_with_images(bench):
    bench.write(model="small-llama", modalities=["text"], methods={"npo": {}})
    done = bench.snakemake()
    assert done.status == 0, done.output
    frame = bench.table()
    assert set(of_models(frame).status) == {"ok"}
    assert set(frame.modality) == {"-", "text", "drawn"}
    assert "dataset" not in done.jobs
