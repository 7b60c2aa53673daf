"""The files of `docs/` that are written from the code, so that they and it can't differ.

The pages are of this package alone, whatever else is installed; schemas of all that a suite here
may name.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from clearbench import methods
from clearbench.data.made_answers import MOST
from clearbench.documentation.configuration import configuration
from clearbench.documentation.schemas import schemas
from clearbench.metrics import Metric, face_metrics, model_metrics, task_metrics
from clearbench.metrics.base import Defined, TaskMetric
from clearbench.metrics.definitions import DEFINITIONS
from clearbench.metrics.keys import Key
from clearbench.plugins import PACKAGE, own
from clearbench.results.faithfulness import faithfulness, interval_of_auc, robustness, threshold
from clearbench.tables.claims import BEATS, CARRIES, TRADES
from clearbench.tables.stress import READINGS
from clearbench.tables.verdicts import BEYOND, OF_CLAIM, OF_METHODS, RULES

_WRITTEN = "Written by `clearbench write-docs` from the docstrings; edit those."
_BETTER = {"up": "higher", "down": "lower", "one": "nearer 1", "zero": "nearer 0"}


def pages(root: Path) -> dict[str, str]:
    """The text of each page and JSON schema by its path in `docs/`.

    The schemas know the files of `config/` below a root.
    """
    written = {
        "metrics.md": _metrics(),
        "methods.md": _methods(),
        "configuration.md": configuration(),
    }
    texts = {name: "\n".join(lines) for name, lines in written.items()}
    for name, schema in schemas(root).items():
        texts[f"schemas/{name}.json"] = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    return texts


def write(folder: Path, root: Path) -> list[Path]:
    """Write the pages and schemas into a folder; gives their paths."""
    paths = []
    for name, text in pages(root).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _metrics() -> Iterator[str]:
    yield "# Metrics"
    yield f"\n{_WRITTEN}\n"
    yield (
        "A score's key is `split/task/NAME` of a task and `NAME` of the whole model, with"
        " `@DEFINITION` for another definition than the headline's; `KEY~low` and `KEY~high` are"
        " the ends of its 95 % interval, `KEY~persons` is how many persons it is over, in effect."
        " `metrics:` of a suite file says whose definitions its tables show; the score files have"
        " all."
    )
    yield "\n## Intervals\n"
    yield (
        "By the bootstrap of clusters, 1000 draws. Persons are drawn with replacement, each with"
        " all its samples of all tasks, the same persons for all metrics and models: samples about"
        " one person stand or fall together. Nothing is drawn within a person, for its samples'"
        " noise is in the persons' own and would count twice (Davison and Hinkley 1997, section"
        " 3.8). Samples that are about nobody (`real_world`, TOFU's real tasks) are drawn one by"
        " one. An imported log does not tell persons: of TOFU's order they are 20 consecutive"
        " questions, of CLEAR's pictures the names; real persons are those of `real_faces`."
    )
    yield (
        "\nOf n persons the percentiles are widened by t/z·√(n/(n-1)), the 97.5 % quantiles of"
        " Student's t of n-1 degrees of freedom and of the normal distribution: 1.10 for 20"
        " persons, 1.25 for 9, 9.2 for 2. Fewer than ten can hardly carry an interval, and tables"
        " say so; of one there is none. Where persons have unequal numbers of samples n, (Σn)²/Σn²"
        " of them count (Kish 1965): 2.2 where one has 200 and 19 have 5. A score of 0 or 1 is the"
        " same in every draw: its interval is Wilson's, of n persons 3.84/(n + 3.84) wide (0.49 of"
        " 4, 0.16 of 20). An interval may not hold what another training would give: that is for"
        " seeds to tell, each of which has its own base (where it is trained here), original and"
        " gold. Of several seeds a table's interval is ± √(a² + b²): a over the seeds by"
        " Student's t, b the mean of theirs over persons, who are the same for all seeds. Tables,"
        " figures and the page cut an interval where the score's range ends, as 0 and 1: what is"
        " looked for lies in the range, so that the interval holds it as often as before. The"
        " score files have the ends uncut, and so has what says how far noise reaches in a"
        " difference, and whether one method is ahead of another."
    )
    yield (
        "\n`ranking` compares each pair of methods on the same drawn persons (`draws.json` beside"
        " the scores) and the same seeds: Student's t of the difference, its variance the one"
        " between persons and the one between seeds together, degrees of freedom by Welch and"
        " Satterthwaite, at 5 %, corrected for all pairs of a column by Holm's method. One seed"
        " tells nothing of another run, and ranks nothing. A harmonic"
        " mean that few of its terms decide (the median of them is more than twice the mean) is"
        " marked ‡ and has no rank. By forgetting, methods with less than half of the original's"
        " `retain` come last. A suite with `strengths` ranks by forget quality at 95 % retention"
        " first; the draws of persons there are interpolated as the scores are."
    )
    yield "\n## At equal retention\n"
    yield (
        "`strengths:` of a suite evaluates each cell with its update scaled, θ₀ + α·(θ - θ₀), where"
        " θ₀ is the original (model mixing, arXiv 2406.09179; task vectors, arXiv 2212.04089): an"
        " adapter by its alpha, full weights by interpolation. The points of a cell are its"
        " original (α = 0), itself (α = 1) and the other strengths. The table `tradeoff` follows"
        " them from the original on to where `retain` first falls to 95, 90 or 80 % of the"
        " original's, and gives the other scores, and the strength, there by linear interpolation"
        " between the two neighbouring points: a seed its own number, then mean, standard deviation"
        " and Student's interval over seeds. A curve that stays above the share up to its largest"
        " strength has no number there, and says so. The gain is how far forget quality lies above"
        " the original's, on average over all shares between 100 and 80 %; where a curve ends"
        " above a share, its end counts."
    )
    yield (
        "\nThe figure `tradeoff` (SVG and PDF, beside the tables) draws the curves, forget quality"
        " over `retain`: each point is the mean over the seeds that have both scores, at one"
        " strength. The band is one sample standard deviation of forget quality over these seeds"
        " to each side; how far their `retain` differs is not drawn, and of one seed there is no"
        " band. The vertical lines are shares of the mean of the originals, while the table takes"
        " each seed's curve by its own original, so its mean need not lie on the drawn curve. A"
        " run that has no score has no point, and breaks the curve where no other seed has one."
    )
    yield (
        "\nIts limits: it follows the direction of one training through the space of weights, and"
        " a weaker training may go another way and do better. Between two points nothing is"
        " measured: a score that is no straight line there is read off wrongly, the more the"
        " farther they lie apart. A score that a strength raises and the next lowers is read at"
        " the first crossing. Intervals over persons are of points and not of what lies between"
        " them, so these numbers have those over seeds alone."
    )
    yield (
        "\nIn the vision domain `retain_accuracy` stands for `retain` and `u_lira` for forget"
        " quality: at a share of the original's retain accuracy the table tells how well the"
        " attack finds the forgotten, 0.5 being perfect, and its gain is how far that lies"
        " below the original's. Who attacks a method knows its strength: the shadow models and"
        " those attacked forget by the method, and then each is scaled as the cell is, between"
        " the weights that it had before and after. So α = 0 is the attack on the original,"
        " and α = 1 the one of table 5. An attack is one of the method, so that seeds differ"
        " by where their own retain accuracy falls to the share, and by nothing else; the"
        " interval is over seeds and over the models attacked together. For the latter the"
        " ends of the neighbouring points' intervals are interpolated, which is never too"
        " narrow; the noise of retain accuracy over persons is not in it. A curve may turn: a"
        " strong update makes the forgotten stranger than strangers, which an attack sees as"
        " well as knowledge. Batch normalisation's statistics are no part of an update, for"
        " unlearning keeps those of the original: models of all strengths have them, bit by"
        " bit. What a model with weights between two would have measured for itself may be"
        " other ones; but cell and reference were compared with these. There is no `ranking`"
        " of models of faces: all seeds share the attack, so that they tell nothing of its"
        " noise. Nor is there a choice (`select`), which would take shadow models that know"
        " the persons of validation; a `sweep` makes each point a row, with an attack of its"
        " own."
    )
    yield from _made_answers()
    yield from _choices()
    yield from _stress()
    yield from _requests()
    yield from _meta()
    yield from _retrieval()
    yield from _face_questions()
    yield from _general()
    yield from _membership()
    yield from _fairness()
    yield from _claims()
    yield "\n## Definitions\n"
    for name, definition in DEFINITIONS.items():
        yield f"- **{name}**: {definition.meaning}."
    yield from _sections("Of a task", task_metrics())
    yield from _sections("Of a model of words", model_metrics())
    yield from _sections("Of a vision model", face_metrics())
    yield ""


def _made_answers() -> Iterator[str]:
    yield "\n## Wrong answers that are made\n"
    yield (
        "A dataset of one's own (layout `folder`) may have no wrong answers. Then up to"
        f" {MOST} are made: to a question, what other persons answer to the same, with this"
        " person's name in the place of theirs; of a caption or a name that a picture alone"
        " asks for, the same with other persons' names. They are the first in a draw that no"
        " further person moves, those of persons of the same forget set before all others."
        " The id of such a sample ends in `/made`, and the dataset's log says how many there"
        " are. A made answer is in the true answer's own words, which were learnt, so there"
        " is no paraphrase to ask in its place: the truth ratio then compares the learnt"
        " wording with others alike."
    )
    yield (
        "\nIts limits: where the forget set has fewer persons than answers are needed, others'"
        " facts fill up, and gold, which has met those persons, may prefer them to a truth that it"
        " has not met. Its truth ratio then is higher than with answers that nobody was taught."
        " Others may truly have the same: an answer that is this person's own, in any wording of"
        " its normal form, is left out. Written `perturbed` answers and a `paraphrase` are better"
        " wherever they can be had."
    )


def _choices() -> Iterator[str]:
    yield "\n## Chosen on other persons\n"
    yield (
        "A learning rate that was chosen by the test makes a method look better than it is, and"
        " more so one that was tried more often. With `select` a suite tries the points of each"
        " row's `sweep`, and the row as it stands (`plain`), on persons of validation. A drawn"
        " world asks about as many retained persons as it forgets, in the same way"
        " (`validationXX_perturbed`), and judges retention by others. Of another dataset they are"
        " the first retained ones who are evaluated in all its tasks, as many as the forget set"
        " has, at most half of them, since retention is judged by the others. They have a gold"
        " of their own. The persons of the test's forget set are in no training for the choice but"
        " that of the original, which knows all, and none of its questions is asked. Chosen is, for"
        " each row, modality and forget size, the point with the best forget quality (JS) where its"
        " curve of strengths falls to `retention`, 95 % unless said; of a curve that stays above,"
        " its end counts; a point that diverged is not chosen. With `strengths: [1]` no model is"
        " scaled: chosen then is the best forget quality of the models that keep that share"
        " themselves, or the one that keeps most where none does, a rate for a table of models as"
        " they are. Only what was chosen is run on the forget set, with all seeds. All rows with a"
        " sweep have the same number of points. The table `selection` has all that was tried, the"
        " figure `front` (SVG and PDF) draws it, with each method's Pareto front and where the"
        " chosen and the untuned point are compared, and `cost` says what each point took."
    )
    yield (
        "\nIts limits: one seed chooses, the first, so of points that lie close another seed may"
        " choose another. Their gold lacks the forget set as well, so it has met fewer persons than"
        " the test's. Outside of drawn worlds the persons of the choice are few, and fewer than the"
        " forget set where few retained ones are evaluated: 10 of 20 in CLEAR at 10 %. Half as many"
        " persons are half as many steps at the same number of epochs, which may leave alone what"
        " the test destroys: measured on `mini`, when it chose so, `dpo` of both modalities kept"
        " 88 % of retain on 10 persons and nothing on the 20 of the test, at the same rate. Their"
        " false answers were made for retained persons, and may name others whom the gold has met."
        " What is best at 95 % may not be at 80 %."
    )


def _stress() -> Iterator[str]:
    yield "\n## Under stress\n"
    yield (
        "What seems forgotten may be a few steps away. `stress` of a suite names tests that"
        " originals, golds, cells and models made elsewhere are put to, each with settings of its"
        " own ([configuration.md](configuration.md#stress-relearn)): `relearn` trains a further"
        " layer on a model for a few steps and evaluates it after several numbers of them, on the"
        " forget set, on every second of its persons, on the retain set, or on what the base"
        " learned; `quantise` rounds the weights of all linear layers of the merged model but the"
        " output layer; `lens` has a model answer by its first layers, whose state goes through the"
        " last norm and the model's own output layer, and `probe` by an output layer that was"
        " trained on them, with retained questions alone; `image` asks about pictures that are"
        " changed a little, `paraphrase` in other words, and `jailbreak` with words around each"
        " question that may loosen a model's tongue. Each change, wording or way of these three is"
        " a point; they are tries of one thing, so there are also the mean and the highest score"
        " over all of them, and what any of them brings back: the mean over samples of the highest"
        " number at any point, which for accuracy is the share that at least one point gets right."
        " A model that guesses is right by one of many tries more often than by one, so this number"
        " is read beside gold's. Every model is tested by the same recipe: relearning and probing"
        " are of all modalities that the model has, whatever a cell has forgotten, so that one gold"
        " serves all cells of a seed. Forget quality under a test is against the gold under the"
        " same."
    )
    yield (
        "\nThe table `stress` shows forget quality, and the mean accuracy and ROUGE-L (recall) over"
        " the tasks of the forget set, before and at each point of a test, and of accuracy and"
        " ROUGE-L, m, the readings of the literature, seed by seed; the interval of a mean over"
        " tasks and of a reading is Student's over seeds, and of one seed there is none:\n"
    )
    for formulas in READINGS.values():
        for name, formula in formulas.items():
            yield f"- *{name}*: {' '.join((inspect.getdoc(formula) or '').split())}"
    yield (
        "\nRounding is a round trip on any device: int8 by rows, q = round(127·w/a) with a the"
        " largest |w| of the row; nf4 and fp4 by blocks of 64 along the flattened tensor, a times"
        " the nearest level. Embeddings, norms, convolutions and the output layer stay. The limits:"
        " scales are not quantised themselves, outlier columns are rounded like others, and"
        " activations are not touched, so that a library's own int8 differs. The weights that are"
        " rounded are the merged ones, in single precision."
    )
    yield (
        "\nThe limits: R and Q are ratios of small differences, and jump where a model hardly"
        " moves; read them beside the levels. A cell that forgot one modality still knows the"
        " other, so its knowledge can rise by less. A method is not ranked by a test: a model that"
        " broke learns slower, which R takes for robust and the symmetric one does not. What"
        " relearning brings back with `half` is in part what was just taught: gold's row says how"
        " much. A model of few layers says little by the first of them, with or without a probe:"
        " where the original itself knows nothing at a point, nothing can be said there. Words that"
        " a model never met confuse it, whatever it knows: an original of `mini`, which learned"
        " little but its persons, fell from an accuracy of 0.99 to some 0.3 under `jailbreak`, on"
        " the retained as well, so of such a model this test says nothing. The score files of a"
        " test have the retain split too: look there first."
    )


def _requests() -> Iterator[str]:
    yield "\n## Requests in sequence\n"
    yield (
        "Persons ask to be forgotten one after another. `requests` of a suite says how many percent"
        " of the persons each request is about, as `[5, 5, 5]`. A cell of a request is a further"
        " layer, trained on its persons from the model of the request before, which is its"
        " reference too; who was forgotten before is in no training. After each request there is a"
        " gold, trained on everybody who is still retained, also those whom a forget size of the"
        " dataset would forget. First come the persons of the dataset's forget sizes, the smaller"
        " sizes before the larger, so that requests that come to a size are about its persons and"
        " have its gold; then retained persons by whom retention is judged, of whom there are the"
        " fewer from then on. A further request changes nothing of those before."
    )
    yield (
        "\nAfter each request originals, golds and cells are asked about all who were forgotten so"
        " far, those of a request by the false answers of the smallest forget size that forgets all"
        " of them. The table `requests` shows forget quality, and the mean accuracy and ROUGE-L"
        " (recall) over the tasks of the forget set, of the persons of each request after it and"
        " after all later ones, against the gold after the same request; of all together, beside"
        " the row's own cell that forgot as many at once; and what is retained. A group that comes"
        " back shows it twice: forget quality falls, and accuracy leaves gold's for the original's."
    )
    yield (
        "\nThe limits: whom no forget size forgets is asked about as a retained person, by false"
        " answers that may name others whom the gold has met. Few persons a request are few in"
        " each forget quality, and golds of different requests differ by a training, so that a"
        " number is read beside its interval and not beside another column alone. A request has"
        " fewer steps than as many persons at once, at the same number of epochs. Values of a row"
        " stand as they are, so `select` has no requests; neither have `reference: stored` and"
        " `altpo`, which are about the original; stress tests and strengths are of the cells at a"
        " forget size alone. Models of faces have none: their attack would need shadow models for"
        " each sequence. Rows that tell no person are in none of the groups."
    )


def _meta() -> Iterator[str]:
    yield "\n## Are the metrics any good\n"
    yield (
        "A metric of the forget set should tell who knows from who does not, and should not change"
        " its mind where a model hardly does. `recipes` of a suite names further fine-tunings; each"
        " has an original, who knows, and a gold, who does not, of each seed. They are rows like"
        " any other, compared with the gold of the suite's own recipe. The table `meta` shows of"
        " each score of the forget set:\n"
    )
    told = {"AUC": faithfulness, "interval": interval_of_auc, "threshold": threshold}
    for name, formula in {**told, "robustness": robustness}.items():
        yield f"- *{name}*: {' '.join((inspect.getdoc(formula) or '').split())}"
    yield (
        "\nR and Q are those of the table `stress`, of all tests of the kinds `relearn` and"
        " `quantise`, on a scale on which whoever knows more is higher: a score whose better"
        " direction on the forget set is up is turned round, and its range becomes 0 to 1. A model"
        " counts that keeps 0.8 of its original's model utility, the same ones for all metrics."
        " *Both* is the harmonic mean of AUC and robustness. *Believed* are the models below the"
        " threshold, and *robustness (paper)* is over these alone, as OpenUnlearning's paper has"
        " it. Results of `mini`: [meta.md](meta.md)."
    )
    yield (
        "\nThe limits: who knows is told by training and not by behaviour, so that an original of a"
        " recipe too short to learn anything counts as one that knows; look at both means first."
        " Models of a seed share a base, so that intervals are too narrow. A model that"
        " still knows hardly gains by relearning, which counts as robust: read *believed* beside"
        " it. A metric that is"
        " computed against gold is given the gold of its seed, which is more than the others are."
    )


def _retrieval() -> Iterator[str]:
    yield "\n## Retrieval\n"
    yield (
        "`retrieval` below `stress` of a multimodal suite asks which caption belongs to which"
        " picture: of each of the first `persons` of a split one picture, and the likelihood of the"
        " captions of all of them, side by side in one pass; and once more without a picture. So"
        " records, scores, proofs and `plan` are those of a stress test, and a suite that does not"
        " ask pays nothing. The table `retrieval` has recall at 1, 5 and 10 and the mean reciprocal"
        " rank, of the forget and the retain split: from a picture to its caption, with what the"
        " caption has without a picture subtracted and without, and from a caption to its picture,"
        " where that prior moves no rank. Likelihoods are means a token. An interval draws the"
        " persons who are looked for, among the same others."
    )
    yield (
        "\nThe limits: captions of drawn worlds and of CLEAR hold the name, so a picture is found"
        " by face, name and scene at once; of N persons R@k is k/N by chance, so numbers of other N"
        " are not compared. All pictures are asked with the question of the split's first."
    )


def _face_questions() -> Iterator[str]:
    yield "\n## By picture and by name\n"
    yield (
        "A face must not bring back a biography. With the option `face_qa` of the layout `clear`"
        " (`dataset_options: { face_qa: {} }` in a suite) what the texts ask by name is asked by"
        " picture too, as the task `face_qa`: *Where was the person in the picture born?* The name,"
        " and each word of it, is replaced in the question and in all answers, for a name in an"
        " answer would lead to the fact without the face; a possessive becomes *this person's*. A"
        " person's pictures take turns. Questions that do not say the whole name are left out, and"
        " answers that say nothing but it. Ids of the same fact by picture and by name differ in"
        " the task alone, so `aligned_…` is over such pairs, as in UMU-Bench, and `leak` has a"
        " block: what was forgotten, by how it is asked. Drawn worlds have the layout of CLEAR, and"
        " their questions by picture are made in the same way."
    )
    yield (
        "\nModels learn `learnt` percent of each person's questions by picture, each with"
        " `pictures` of the person, as rows with an image, which are forgotten with the pictures."
        " All questions are asked, none with a picture with which it was learnt. With 0 an original"
        " answers if it finds from the face to the name, and from there to the fact, by itself. A"
        " tiny model does not: it learns what it is taught by picture, and does not even find from"
        " one wording of a question to another. In `mini-face-qa` its base has met questions by"
        " picture about the real persons (`face_questions` of the generator), and all questions"
        " are learnt, each with three pictures and asked of the fourth. So there the face leads to"
        " the fact directly, not by way of the name, and what was forgotten in one way need not be"
        " in the other. Of a name that is also a common word, the word is replaced wherever it has"
        " a capital letter."
    )
    yield (
        "\nMeasured there with one seed, of 80 questions by picture about the forgotten: accuracy"
        " of the original 0.59, of gold 0.16, where one of six candidates is 0.17 by chance. By"
        " name it is 1.00 and 0.16. What methods leave of it: [face-qa.md](face-qa.md)."
    )


def _general() -> Iterator[str]:
    yield "\n## General ability\n"
    yield (
        "A model that broke says nothing of persons, and nothing of anything else. `general` of a"
        " dataset or a suite names a folder of pictures with questions about anything, which are"
        " asked beside the dataset's own: yes-or-no questions in POPE's layout (`*.jsonl` with"
        " `question_id`, `image`, `text`, `label`) and short answers in VQAv2's (`*questions.json`"
        " and `*annotations.json`, ten answers a question), the pictures at any depth below it. Of"
        " each file at most `questions` are asked, spread over it. They are the tasks `yes_or_no`"
        " and `short_answers` of the split `real`, enter no headline number, and are shown by the"
        " table `general`. A drawn world draws them where its generator says `general: 100`: so"
        " many of each kind, about coloured things, and three times as many that its base learns."
        " To each question is added how to answer: *Answer with yes or no.*, *Answer with a word"
        " or a short phrase.*"
    )
    yield (
        "\n`accuracy` of `yes_or_no` compares the likelihoods of Yes and No, so that a model which"
        " lost its tongue may still be right; `yes_or_no` reads the greedy answer and takes neither"
        " for wrong. Words are compared for `vqa_accuracy` as it says, which is simpler than the"
        " published code. POPE's and VQAv2's own data were not met here: the layouts are those of"
        " their files, tested on data that the tests write. Of the drawn ones `mini-face-qa` asks:"
        " its original has 0.56 of the short answers, where always saying the commonest would have"
        " 0.11, and learns nothing of yes or no (0.48): read them beside the original's."
        " Questions are about nobody, so they are drawn one by one for intervals."
    )


def _membership() -> Iterator[str]:
    yield "\n## Membership\n"
    yield (
        "Who was forgotten should not be told from who was never met. `holdout` of a suite of words"
        " keeps some persons from all models: base, original, golds and cells. In a drawn world"
        " they are drawn in addition, and everybody else stays as they are, to the last byte; a"
        " dataset of the hub or a folder gives up some of the retained persons whom it evaluates in"
        " all tasks, spread over their order, so that its models are trained on fewer persons than"
        " published ones. They are asked what the forgotten are asked. Samples about one person"
        " stand or fall together, so an attack gives each person one score, the mean over all"
        " samples, and the AUC is over pairs of persons; its intervals draw persons anew on both"
        " sides."
    )
    yield (
        "\nThe table `membership` has for each attack the distance to gold's AUC first: gold never"
        " met either side, and where its AUC is not 0.5, the persons differ by themselves. An AUC"
        " below 0.5 is no success: there the forgotten are stranger than strangers, and whoever"
        " turns the attack around finds them. `reference` is the attack of somebody who kept the"
        " model from before the forgetting, and takes its losses off. By it gold itself lies far"
        " below 0.5, for that the loss rose is what retraining does; only the distance tells"
        " anything. `gradient` needs the weights, and a backward pass a sample: a suite asks for it"
        " by `gradients: trained`."
    )
    yield (
        "\nPrivLeak (MUSE), 100·(A - A_gold)/A_gold with A the AUC of members, 1 less the AUC here,"
        " explodes: it divides by A_gold. Of A = 0.5, it is 0 where A_gold is 0.5, 400 at 0.1 and"
        " 4900 at 0.01, and one drawn person more or less in so small an A_gold moves it by"
        " hundreds; of 20 persons a side A_gold comes in steps of 1/400. Nor is it symmetric: -100"
        " at the least, without bound above. At A_gold = 0 it has no number, and under"
        " `open_unlearning`, which adds 1e-10, up to 1e12. It stands beside the distances for"
        " comparison with published numbers, and nothing is ranked by it."
    )


def _fairness() -> Iterator[str]:
    yield "\n## Fairness\n"
    yield (
        "Forgetting may cost some persons more than others. `fairness` of a suite names a grouping"
        " of the dataset's `groups`, each group a regular expression; a person is of the one that"
        " is found most often in the questions and answers about the person, and of none where none"
        " is, or two are equally often. The scores of a group, `retain#GROUP`, `forget#GROUP` and"
        " `forget_quality_js#GROUP`, are those of its persons alone, the last against gold on the"
        " same persons. The table `fairness` has them with the largest gap and the worst group, for"
        " gold and original too: a gap that gold has is none of the forgetting's. Intervals draw"
        " persons as ever, and each group is what is drawn of it; a gap is never below 0 and noise"
        " widens it, so that an interval which leaves 0 out is not yet a difference: the gap of"
        " gold, and of other seeds, says how much noise makes. A group of fewer than ten persons in"
        " a split is told as too small, and is in neither gap nor worst."
    )


def _claims() -> Iterator[str]:
    yield "\n## The paper's claims\n"
    yield (
        "Three claims of CLEAR are tested on a suite with `strengths`, as `snakemake claims"
        f" --config suite=mini-tradeoff` prints: (1) {BEATS}, (2) {CARRIES}, (3) {TRADES}. The"
        " first and the third are a table of the suite, `claims`; `clearbench claims` adds what"
        " takes several suites, those of `single_domain` that have been run with strengths. What a"
        " number is found to say:\n"
    )
    yield from (f"- *{verdict}*: {rule}." for verdict, rule in RULES.items())
    yield f"\n{BEYOND} {OF_METHODS} {OF_CLAIM}"
    yield (
        "\n(1) Forget quality (JS) at 95 % retention of the cells that forget `both`, less that of"
        " those that forget `text`, and `visual`, for each method and their mean. (3) The same of"
        " the gain; and the gain of `both` less that of each suite of a single domain. Differences"
        " within a suite are taken seed by seed, at a share also on the same drawn persons, as"
        " `ranking` does (a gain has none); the seeds of two suites have nothing in common, so the"
        " variances of both means are added (Welch 1947). A curve that never falls to 95 % has no"
        " number there: it is named, and counted apart. The limits: of three seeds Student's t is"
        " wide, and wider still for a method among many, so that undecided mostly says that"
        " nothing is known, and not that nothing differs; means over methods tell more. A method"
        " that forgets nothing either way trades off alike, and counts so. The margin is held"
        " against each interval alone, which is not widened for their number. Forget quality of"
        " another suite is against other golds; of models of faces a gain is one in U-LIRA, and not"
        " compared."
    )
    yield (
        "\n(2) Spearman's ρ between the methods' forget quality at 95 % retention of `both` and"
        " of `text`, of `visual`, and of each suite of a single domain, as in Table 2; the"
        " claim is that it is above 0. Of models of faces it is U-LIRA there, the lower the"
        " better. A method's number of a seed is its mean over forget sizes. ρ is of each"
        " seed, over the methods that have a number in all, and its mean is told; the seeds of"
        " two suites are taken together in their order. The variance has two parts: that"
        " between seeds, and 1/(n - 1), which ρ of n methods in no common order has (Kendall"
        " 1948), for seeds that agree tell nothing of other methods. So four methods decide"
        " nothing, and eleven only a ρ beyond 0.62, or more where seeds differ. The interval"
        " is cut at ±1. The limits: the noise of each seed lowers ρ, which is of single runs"
        " and not of their means; cells of one suite share each seed's original, and its luck;"
        " the second part is that of no order at all, so that the interval of a high ρ is"
        " rather too wide."
    )


def _sections(title: str, metrics: Mapping[str, Metric]) -> Iterator[str]:
    yield f"\n## {title}"
    # A metric under several definitions is told once.
    told: dict[str, Metric] = {}
    for name, metric in metrics.items():
        if metric.compute.__module__.startswith(f"{PACKAGE}."):
            told.setdefault(Key.parse(name).metric, metric)
    for plain, metric in told.items():
        yield f"\n### {plain}\n"
        yield metric.doc
        yield f"\n{_facts(metric)}"


def _facts(metric: Metric) -> str:
    """Range, better direction and definitions, in a line."""
    better = _BETTER[metric.better]
    if isinstance(metric, TaskMetric) and metric.better_on_forget != metric.better:
        better += f", on the forget split {_BETTER[metric.better_on_forget]}"
    facts = [f"Range: {metric.low:.4g} to {metric.high:.4g}", f"better: {better}"]
    if isinstance(metric, Defined) and metric.definitions:
        facts.append(f"definitions: {', '.join(metric.definitions)}")
    return "; ".join(facts) + "."


def _methods() -> Iterator[str]:
    yield "# Methods"
    yield f"\n{_WRITTEN}\n"
    yield (
        "F is the forget set, R the retain set, I the forget questions answered with variants of"
        ' "I don\'t know"; θ the model in training, θ₀ the frozen original. CE(S) is the mean over'
        " the answer tokens of a step of -log p_θ, log π(y|x) the sum over an answer's tokens."
        " Prompt, image and padding positions never enter a loss, but in variants that repeat"
        " published code (`@published`; see [deviations](deviations.md))."
    )
    here = own("methods")
    for key in (key for key in methods.available() if key in here):
        description = methods.describe(key)
        yield f"\n## {key}\n"
        yield description.doc
        yield f"\nDomains: {', '.join(description.domains)}."
        if description.parameters:
            yield "\n| parameter | type | default | range |\n| --- | --- | --- | --- |"
        for name, (kind, default) in description.parameters.items():
            yield f"| {name} | {kind} | {default} | {description.ranges[name]} |"
    yield ""
