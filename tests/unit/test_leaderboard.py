"""One page of the crates of several groups: whose each row is, and whether it holds."""

import re
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from browser import Browser, executable
from clearbench.cli import cli
from clearbench.provenance.crate.contents import METADATA
from clearbench.provenance.crate.contribution import contribution
from clearbench.provenance.crate.export import Publication, export
from clearbench.provenance.crate.signature import sign
from clearbench.report.leaderboard import leaderboard
from clearbench.report.page import data_of as inlined_in
from report_tree import ROUGH
from synthetic import ROOT, SyntheticTree, write_suite
from unit.test_verify import forge

LICENCE = "https://spdx.org/licenses/MIT"
AUTHORS = {"ours": "Ada Lovelace", "theirs": f"Bo {ROUGH}"}


@pytest.fixture(scope="module")
def crates(tmp_path_factory):
    """Two groups' crates of one suite with other methods; of theirs a score was edited."""
    folder = tmp_path_factory.mktemp("crates")
    for name, method in (("ours", "ga"), ("theirs", "npo")):
        suite = write_suite(folder, name, methods={method: {}}, modalities=["text"], seeds=[0, 1])
        tree = SyntheticTree(suite, folder / "results" / name).build()
        published = Publication(LICENCE, AUTHORS[name])
        export(suite, ROOT, tree.root, folder / name, published, with_data=False)
    scores = folder / "theirs/results/theirs/score/npo/text/forget10/seed0/scores.json"
    scores.write_text(scores.read_text().replace("0.", "1.", 1))
    return folder


@pytest.fixture(scope="module")
def page(crates):
    """The file of the page of both, and of one whose configuration is lost."""
    shutil.copytree(crates / "ours", crates / "lost")
    (crates / "lost/config/ours.yaml").unlink()
    out = crates / "board.html"
    words = ["leaderboard", *(str(crates / name) for name in (*AUTHORS, "lost"))]
    done = CliRunner().invoke(cli, [*words, "--out", str(out)])
    assert done.exit_code == 0, done.exception
    told = [line.rpartition("/")[2] for line in done.output.splitlines()]
    assert sorted(told) == ["board.html", "lost: 2 faults", "ours: holds", "theirs: 1 fault"]
    return out


def data_of(page):
    return inlined_in(page.read_text(encoding="utf-8"))


def test_each_row_has_whose_it_is_whether_it_holds_and_its_hardware(page):
    data = data_of(page)
    told = {crate["whose"]: crate for crate in data["crates"]}
    assert AUTHORS["theirs"] in told
    (fault,) = told[AUTHORS["theirs"]]["faults"]
    assert fault.startswith("files: results/theirs/score/npo/text/forget10/seed0/scores.json: cha")
    assert {crate["scores"] for crate in data["crates"]} == {"as told"}
    (board,) = data["boards"]
    assert re.fullmatch(r"mini \([0-9a-f]{12}\), tiny-llava, forget 10 %", board["title"])
    rows = {(row["method"], row["crate"]): row for row in board["rows"]}
    assert {("ga", 0), ("npo", 1), ("gold", 0), ("gold", 1)} <= rows.keys()
    # What was edited is no number of anybody.
    assert (rows["ga", 0]["seeds"], rows["npo", 1]["seeds"]) == (2, 1)
    assert all(crate["hardware"] for crate in data["crates"][:2])
    # Of what cannot be read there is no row, and a fault.
    assert {row["crate"] for row in board["rows"]} == {0, 1}


@pytest.mark.parametrize("value", ["NaN", '"x"', '{"a": 1}', "[1]", "1" + "0" * 400])
def test_a_crate_whose_scores_are_no_numbers_leaves_the_others_their_rows(crates, tmp_path, value):
    evil = shutil.copytree(crates / "ours", tmp_path / "evil")
    name = "results/ours/score/ga/text/forget10/seed0/scores.json"
    text = re.sub(r'"retain": [^,\n]+', f'"retain": {value}', (evil / name).read_text())
    forge(evil, name, text.encode())
    out = tmp_path / "board.html"
    words = ["leaderboard", *map(str, (crates / "ours", evil)), "--out", str(out)]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.exception
    data = data_of(out)
    assert [bool(crate["faults"]) for crate in data["crates"]] == [False, True]
    rows = {(row["method"], row["crate"]): row for board in data["boards"] for row in board["rows"]}
    assert rows["ga", 0]["seeds"] == 2
    assert rows["ga", 1]["seeds"] == 1


def test_a_crate_that_lists_nothing_is_a_row_of_faults(crates, tmp_path):
    empty = shutil.copytree(crates / "ours", tmp_path / "empty")
    (empty / METADATA).write_text('{"@graph": []}')
    one = contribution(empty, "empty", None)
    assert len(one.faults) > 100
    assert {crate["name"] for crate in inlined_in(leaderboard([one]))["crates"]} == {"empty"}


def test_nothing_that_a_crate_says_is_taken_for_a_script(page):
    text = page.read_text(encoding="utf-8")
    assert ROUGH not in text
    assert "src=" not in text
    assert "http" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL).replace(
        "http-equiv", ""
    )


def test_a_signature_says_whose_a_crate_is(crates, tmp_path):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen")
    crate = shutil.copytree(crates / "ours", tmp_path / "crate")
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text("")
    assert contribution(crate, "crate", signers).signed == ""
    sign(crate, key)
    (fault,) = contribution(crate, "crate", signers).faults
    assert fault == "signature: by nobody of signers"
    signers.write_text(f"ada@example.org {(tmp_path / 'key.pub').read_text()}")
    one = contribution(crate, "crate", signers)
    assert (one.signed, one.faults) == ("ada@example.org", ())


def test_the_page_opens_from_disk_and_sorts(page, tmp_path):
    if executable() is None:
        pytest.skip("needs a browser: apt-get install chromium")
    browser = Browser(tmp_path)
    try:
        browser.offline()
        browser.open(page.as_uri())
        browser.wait("document.querySelector('#boards tbody')")
        texts = "[...document.querySelectorAll('{}')].map(e => e.textContent)".format
        assert browser.js(texts("#head tbody th")) == ["ours", "theirs", "lost"]
        assert browser.js(texts("#head tbody .good, #head tbody .bad")) == [
            *("✓ holds", "✗ 1 fault", "✗ 2 faults")
        ]
        # Who has several crates is told with the name of each.
        owners = set(browser.js(texts("#boards tbody td:nth-child(3)")))
        assert owners == {f"{AUTHORS['ours']} (ours)", AUTHORS["theirs"]}
        browser.js("document.querySelector('#boards thead th button').click()")
        assert browser.js(texts("#boards tbody th"))[0] == "ga"
        assert browser.said == []
        assert all(address.startswith(("file:", "data:")) for address in browser.asked)
    finally:
        browser.close()
