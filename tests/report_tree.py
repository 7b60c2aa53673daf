"""A synthetic results tree whose dataset and records are real, for pages that show answers."""

import io
import random

from PIL import Image

from clearbench.data.store import EvalSample, write_store
from clearbench.evaluation.records import Record
from clearbench.report.document import PAGE, document
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from synthetic import Made, SyntheticTree, _likelihood

ROUGH = "<script>alert('x')</script> & <b>bold</b>"
"""What no page may take for more than a text."""

PERSONS = {
    "forget": ["Ada Quist", f"Bo {ROUGH}"],
    "retain": ["Cleo Marr", "Dan Ost", "Eve Lind"],
    "real": ["Ruth Known"],
}
TASKS = {"captions": "What is shown?", "text_qa": "Where was the person born?"}
ANSWERS = (
    *("a red hat and a blue scarf", "a dog in a park, {person}", "I do not know."),
    "=a blue scarf and a hat",
)


def samples_of(persons=PERSONS, each=3):
    """The evaluation samples of a dataset: of each person and task so many."""
    return [
        EvalSample(
            id=f"{split}/{task}/{person}/{number}",
            split=split,
            task=task,
            forget_size=None,
            question=question,
            answer=ANSWERS[0],
            paraphrase=ANSWERS[0],
            perturbed=("a", "b", "c"),
            image=place if task == "captions" else None,
            person=person,
        )
        for place, (split, person) in enumerate(
            (split, person) for split, several in persons.items() for person in several
        )
        for task, question in TASKS.items()
        for number in range(each)
    ]


def picture(place):
    """The bytes of a small picture, each of another colour."""
    written = io.BytesIO()
    colour = (40 * place % 256, 90 * place % 256, 200 - 30 * place % 200)
    Image.new("RGB", (32, 24), colour).save(written, "PNG")
    return written.getvalue()


class ReportTree(SyntheticTree):
    """A results tree with records about the samples of a dataset that is there."""

    def __init__(self, suite, root, samples=None):
        super().__init__(suite, root, records=True)
        self.samples = samples or samples_of()

    def build(self, states=None):
        return super().build({"dataset": Made(files=self._dataset()), **(states or {})})

    def records(self, run):
        if run not in self._answers:
            draw = random.Random(run)
            knows = {"original": 0.9, "gold": 0.5}.get(run.partition("/")[0], 0.6)
            self._answers[run] = [self._said(sample, draw, knows) for sample in self.samples]
        return self._answers[run]

    def _files(self, artifact):
        if artifact.stage == "report":
            tree = Tree(self.root)
            return {PAGE: document(self.graph, tree, read_results(self.graph, tree))}
        return super()._files(artifact)

    def _said(self, sample, draw, knows):
        other = draw.choice(ANSWERS[1:]).format(person=sample.person)
        return Record.measured(
            [_likelihood(draw) for _ in range(5)],
            split=sample.split,
            task=sample.task,
            id=sample.id,
            answer=sample.answer,
            generated=sample.answer if draw.random() < knows else other,
            person=sample.person,
            question=sample.question,
        )

    def _dataset(self):
        folder = self.root / "data-to-be"
        folder.mkdir(parents=True, exist_ok=True)
        persons = {sample.person for sample in self.samples}
        write_store(folder, map(picture, range(len(persons))), [], [], self.samples)
        files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return files
