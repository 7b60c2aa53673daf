"""The figure of choices: all that was tried, fronts, and the chosen beside the untuned."""

from xml.etree import ElementTree

import pytest

from clearbench.figures import front as figure_of_choices
from clearbench.figures.base import written
from clearbench.figures.documents import pictures
from clearbench.figures.front import compared, front
from clearbench.results.read import read_results
from clearbench.results.tree import Tree
from synthetic import Failed
from unit.test_selection import Chosen
from unit.test_tradeoff import curve


def results_of(tree):
    return read_results(tree.graph, Tree(tree.root))


def big(axes):
    """The places where points are compared."""
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_markersize() == 6.5
    ]


def test_a_front_has_what_nothing_exceeds():
    places = [(0.8, 0.1), (0.7, 0.3), (0.75, 0.3), (0.6, 0.2), (0.5, 0.9), (0.8, 0.05)]
    assert front(places) == [(0.8, 0.1), (0.75, 0.3), (0.5, 0.9)]
    assert front([]) == []


def test_a_point_is_compared_at_the_share_or_at_its_end():
    falls = curve((0, 0.8, 0.1), (0.5, 0.78, 0.2), (1, 0.70, 0.6))
    assert compared(falls, 0.95) == (pytest.approx(0.76), pytest.approx(0.3))
    assert compared(curve((0, 0.8, 0.1), (1, 0.79, 0.4)), 0.95) == (0.79, 0.4)
    assert compared(curve((0, 0.8, 0.1), (1, None, None)), 0.95) is None


def test_chosen_and_untuned_are_set_off_and_bytes_are_the_same_twice(tmp_path):
    results = results_of(Chosen(tmp_path).build())
    figure = figure_of_choices.draw(results)
    plain, best = big(figure.axes[0])
    assert plain == (pytest.approx(0.76), pytest.approx(0.15))
    assert best == (pytest.approx(0.76), pytest.approx(0.3))
    names = [text.get_text() for text in figure.legends[1].get_texts()]
    assert names == ["ga"]
    first = written(figure)
    assert written(figure_of_choices.draw(results)) == first
    assert ElementTree.fromstring(first["svg"]).tag.endswith("svg")
    assert pictures(results).keys() >= {"front.svg", "front.pdf", "tradeoff.svg"}


def test_what_is_not_done_has_no_point_and_nothing_is_set_off_as_chosen(tmp_path):
    tree = Chosen(tmp_path).build({"trial/ga/text/forget10/lr0.002": Failed("no memory")})
    assert len(big(figure_of_choices.draw(results_of(tree)).axes[0])) == 1


def test_a_suite_that_chooses_nothing_has_no_such_figure(tmp_path):
    tree = Chosen(tmp_path, select=None, methods={"ga": {}}).build()
    assert figure_of_choices.draw(results_of(tree)) is None
