"""What a method's file says of it, read from the source without running it."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from clearbench.config.settings import Unlearning
from clearbench.errors import UserError, meant, unknown
from clearbench.methods.batches import ALTERNATE, OWN_ANSWERS, Batch, Reads, of_retain
from clearbench.methods.parameters import Range, read_annotation
from clearbench.methods.parts import check_parts
from clearbench.methods.source import Source, classes_of
from clearbench.plugins import Plugin, mistake

_TYPES = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}
_CONSTANTS = (
    *("student_reads", "reference_reads", "importances", "separate", "weights", "domains"),
    *("few_rows", "surveys", "trains", "compares_with", "unaugmented", "as_published"),
)


@dataclass(frozen=True)
class Description:
    """What a method's file, and those of its parents, say of it.

    The name of its class; parameters by name with type and default, and their ranges; its
    docstring; the batches that it declares to read, as it writes them; the samples whose
    importances it asks for; whether its steps are on either set alone; the weights that it can
    train, full or those of an adapter; the domains that it serves;
    whether it is only valid where no training augments its images, whether it is a variant
    `as_published`, and whether it looks at a layer; the parameter that is this layer, if one is;
    whether it trains few rows alone; its passes over whole sets; whether it trains at all; and
    whether its reference is the original or gold.
    """

    key: str
    name: str
    parameters: Mapping[str, tuple[str, Any]]
    ranges: Mapping[str, Range]
    doc: str
    student_reads: Sequence[str]
    reference_reads: Sequence[str]
    importances: tuple[str, ...]
    separate: bool
    weights: tuple[str, ...]
    domains: tuple[str, ...]
    unaugmented: bool
    as_published: bool
    few_rows: bool
    surveys: Sequence[tuple[str, int]]
    trains: bool
    compares_with: str
    hidden: bool
    layer: str | None

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise UserError, beginning with the key, for one unknown, mistyped or out of range."""
        for name, value in given.items():
            if name not in self.parameters:
                allowed = ", ".join(sorted(self.parameters)) or "none"
                near = meant(name, (*self.parameters, *Unlearning.model_fields))
                raise UserError(f"{name}: unknown{near}; {self.key} has the parameters: {allowed}")
            kind = self.parameters[name][0]
            is_bool = isinstance(value, bool) and kind != "bool"
            if is_bool or not isinstance(value, _TYPES[kind]):
                raise UserError(f"{name}: {value!r} is not of type {kind}")
            if isinstance(value, float) and not isfinite(value):
                raise UserError(f"{name}: {value} is not a finite number")
            choices = self.ranges[name].choices
            if choices and value not in choices:
                raise UserError(f"{name}: {value}: {unknown(str(value), choices)}")
            if value not in self.ranges[name]:
                raise UserError(f"{name}: {value} is out of range; allowed: {self.ranges[name]}")

    def reads(self, given: Mapping[str, Any]) -> Reads:
        """The batches that a step asks the two models for, where parameters are given."""
        defaults = {name: default for name, (_, default) in self.parameters.items()}
        return Reads.declared(self.student_reads, self.reference_reads, {**defaults, **given})

    @property
    def takes_alternates(self) -> bool:
        """Whether it trains on answers that the original made up."""
        reads = self.reads({})
        return ALTERNATE in (*reads.student, *reads.reference)

    @property
    def takes_stored_reference(self) -> bool:
        """Whether it asks the original for logits on samples with their own answers.

        So not one that looks at hidden states or asks gold, and no variant: published code uses all
        positions.
        """
        asked = self.reads({}).reference
        if self.as_published or self.hidden or self.compares_with == "gold":
            return False
        return any(batch in OWN_ANSWERS for batch in asked)

    def check_divided(self) -> None:
        """Raise UserError where it is about single weights or neurons of a model in parts."""
        if self.importances or self.surveys:
            raise UserError(
                f"{self.key} is about single weights or neurons, and the model is divided among"
                " GPUs (shard: true); leave it out"
            )

    def check_weights(self, weights: str) -> None:
        """Raise UserError for weights that it can't train: an adapter or all of them."""
        if weights not in self.weights:
            raise UserError(
                f"weights: {weights}; {self.key} is about single weights of the model, which an"
                f" adapter leaves as they are; allowed: {', '.join(self.weights)}"
            )

    def passes(
        self, given: Mapping[str, Any], stored: bool = False, larger: int = 1
    ) -> tuple[int, int]:
        """How many batches a step runs through the student and through the reference.

        Of a method whose steps are on either set alone, these are a step on the forget set and
        those on the retain set that follow it; that is so many times `larger`. Batches that may be
        `stored` are then not run. A method that asks for none counts as one batch of the student,
        unless all its passes are over whole sets, and one that never trains has no step; refusals
        that a variant loses count, though they are the forget batch again.
        """
        if not self.trains:
            return 0, 0
        reads, following = self.reads(given), 1
        if self.separate:
            default = self.parameters["retain_steps"][1]
            following = given.get("retain_steps", default) or max(1, larger)

        def batches(asked: Sequence[Batch]) -> int:
            return sum(one.answers * (following if of_retain(one) else 1) for one in asked)

        run = [batch for batch in reads.reference if not (stored and batch in OWN_ANSWERS)]
        whole = self.importances or self.surveys
        return batches(reads.student) or int(not whole), batches(run)

    def surveyed(self, forget_size: int) -> int:
        """Its passes over whole sets, each by the percent of all persons that the set has.

        One for importances is a forward and a backward pass through all weights, and counts thrice.
        """
        rest = 100 - forget_size
        sizes = {"forget": forget_size, "retain": rest, "kept": rest, "all": 100}
        gradients = 3 * sum(sizes[part] for part in self.importances)
        return gradients + sum(passes * sizes[part] for part, passes in self.surveys)


def read_description(plugin: Plugin) -> Description:
    """Read what a method's file says of it.

    Raises UserError, with file and line, where the file does not hold one method, where a parameter
    is not an `int`, `float`, `bool` or `str` with a literal default, in its range, and where a
    declaration is none.
    """
    classes = classes_of(plugin)
    parameters: dict[str, tuple[str, Any]] = {}
    ranges: dict[str, Range] = {}
    places: dict[str, tuple[Source, int]] = {}
    constants: dict[str, Any] = {}

    def wrong(source: Source, line: int, text: str) -> UserError:
        return mistake(plugin.what, str(source.file), line, text)

    for source in reversed(classes):
        for name, node in _attributes(source.node):
            places[name] = source, node.lineno
            if isinstance(node, ast.AnnAssign) and not _is_constant(node):
                if not source.is_dataclass:
                    text = f"{name} is no parameter: decorate the class, @dataclass(frozen=True)"
                    raise wrong(source, source.node.lineno, text)
                parameter = _parameter(node)
                if parameter is None:
                    text = (
                        f"parameter {name}: give it a default and a type: {', '.join(_TYPES)}; of"
                        " numbers with a range, as Annotated[float, Field(gt=0)], of gt, ge, lt,"
                        " le; of texts with choices, as Literal['sum', 'mean']"
                    )
                    raise wrong(source, node.lineno, text)
                kind, default, ranges[name] = parameter
                parameters[name] = kind, default
            elif name in parameters:
                text = f"parameter {name}: write its type again to give it another default"
                raise wrong(source, node.lineno, text)
            elif name in _CONSTANTS:
                try:
                    constants[name] = ast.literal_eval(node.value or node)
                except ValueError:
                    text = f"{name} must be written out: it is read without running the file"
                    raise wrong(source, node.lineno, text) from None
    docs = (ast.get_docstring(source.node) for source in classes if not source.is_root)
    hidden = next(source for source in classes if _function(source.node, "hidden_layer"))
    description = Description(
        plugin.key,
        classes[0].node.name,
        parameters,
        ranges,
        next(filter(None, docs), ""),
        **constants,
        hidden=not hidden.is_root,
        layer=_layer(hidden.node),
    )
    for name, (_, default) in parameters.items():
        try:
            description.check({name: default})
        except UserError as error:
            raise wrong(*places[name], f"parameter {error}") from None
    if description.separate and parameters.get("retain_steps", ("", None))[0] != "int":
        raise wrong(*places["separate"], "separate needs the parameter retain_steps, an int")
    try:
        description.reads({})
        check_parts(description.importances)
        _check_surveys(description.surveys)
    except ValueError as error:
        raise wrong(*places[str(error).partition(" ")[0]], str(error)) from None
    return description


def _check_surveys(surveys: Any) -> None:
    """Raise ValueError, naming the declaration, where it is none."""
    try:
        whole = all(part in ("forget", "retain") and passes > 0 for part, passes in surveys)
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise ValueError(
            "surveys must be sets with their passes, as (('forget', 2), ('retain', 1))"
        )


def _attributes(node: ast.ClassDef) -> list[tuple[str, ast.Assign | ast.AnnAssign]]:
    """What a class's body assigns to its names."""
    attributes: list[tuple[str, ast.Assign | ast.AnnAssign]] = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            attributes.append((ast.unparse(statement.target), statement))
        elif isinstance(statement, ast.Assign):
            attributes += [(ast.unparse(target), statement) for target in statement.targets]
    return attributes


def _is_constant(node: ast.AnnAssign) -> bool:
    kind = node.annotation.value if isinstance(node.annotation, ast.Subscript) else node.annotation
    return ast.unparse(kind).rpartition(".")[2] == "ClassVar"


def _parameter(node: ast.AnnAssign) -> tuple[str, Any, Range] | None:
    """A parameter's type, default and range; None where they cannot be read."""
    try:
        kind, range_ = read_annotation(node.annotation)
        default = ast.literal_eval(node.value or node.target)
    except ValueError:
        return None
    return (kind, default, range_) if kind in _TYPES else None


def _function(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    functions = (one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == name)
    return next(functions, None)


def _layer(node: ast.ClassDef) -> str | None:
    """The parameter that `hidden_layer` gives back, if it does no more."""
    function = _function(node, "hidden_layer")
    match function and function.body[-1]:
        case ast.Return(value=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return name
    return None
