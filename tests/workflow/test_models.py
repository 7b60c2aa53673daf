"""The ways to train that the suites of the repository do not use, end to end."""

from .bench import TRAINING

FULL, ADAPTER = "model.safetensors", "adapter_model.safetensors"


def test_adapters_and_full_weights_can_be_stacked(bench):
    bench.write(
        modalities=["text"],
        finetune={**TRAINING, "weights": "lora"},
        unlearn={**TRAINING, "weights": "full"},
        methods={"retain_ft": {}, "npo": {"weights": "lora"}},
    )
    done = bench.snakemake()
    assert done.status == 0, done.output
    assert set(bench.table().status) == {"ok"}
    assert "base" not in done.jobs
    kinds = {
        "base": FULL,
        "original": ADAPTER,
        "gold/forget10/seed0": ADAPTER,
        "unlearn/retain_ft/text/forget10/seed0": FULL,
        "unlearn/npo/text/forget10/seed0": ADAPTER,
    }
    for folder, kind in kinds.items():
        files = {path.name for path in (bench.results() / folder).iterdir()}
        assert files & {FULL, ADAPTER} == {kind}, folder


def test_a_text_model_learns_and_forgets_the_texts_of_a_dataset_with_images(bench):
    bench.write(model="small-llama", modalities=["text"], methods={"npo": {}})
    done = bench.snakemake()
    assert done.status == 0, done.output
    frame = bench.table()
    assert set(frame.status) == {"ok"}
    assert set(frame.modality) == {"-", "text"}
    assert "dataset" not in done.jobs
