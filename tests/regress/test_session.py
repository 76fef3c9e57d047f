"""Whole sessions on made-up runs: verdicts, accepting, JUnit, exit codes."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from pathpatch_runner.errors import PublishedError
from pathpatch_runner.regress import __main__ as command
from pathpatch_runner.regress.claim import Published, Run
from pathpatch_runner.regress.junit import junit
from pathpatch_runner.regress.launch import Launch, Outcome
from pathpatch_runner.regress.published import read_published
from pathpatch_runner.regress.session import Session, accept, check
from pathpatch_runner.regress.verdict import Mark
from regress.tables import ROWS, always, run_at

FILE = """
golden: {runs: [{experiment: toy}]}
claims:
  - {id: right, experiment: toy, where: {over.s: a0.h0}, column: effect_mean,
     sign: positive, source: s}
  - {id: wrong, experiment: toy, where: {over.s: a0.h0}, column: effect_mean,
     value: 4, tolerance: 0.5, source: s}
  - {id: point, experiment: toy, model: gpt2, where: {over.s: a1.h0}, column: effect,
     sign: negative, source: s}
"""
MISSING = Outcome(None, "no weights", available=False)


@pytest.fixture
def published(tmp_path: Path) -> Published:
    folder = tmp_path / "experiments" / "toy"
    folder.mkdir(parents=True)
    (folder / "published.yaml").write_text(FILE)
    return read_published(folder)


def marks(published: Published, launch: Launch, model: str | None = None) -> list[Mark]:
    return [verdict.mark for verdict in check(published, Session(launch), model)]


def test_every_claim_and_golden_run_gets_a_verdict(published: Published, tmp_path: Path) -> None:
    rows = [{**each, "effect": each["effect_mean"]} for each in ROWS]
    launch = always(run_at(tmp_path / "run", rows))
    assert marks(published, launch) == [
        Mark.passed,
        Mark.failed,
        Mark.passed,
        Mark.unavailable,
    ]
    shown: list[int] = []
    accept(published, Session(launch), lambda changed: shown.append(len(changed)))
    assert shown == []
    assert marks(published, launch)[-1] is Mark.passed
    changed = always(run_at(tmp_path / "other", [{**rows[0], "effect_mean": 9.0}, *rows[1:]]))
    (verdict,) = [v for v in check(published, Session(changed), None) if "golden" in v.name]
    assert (verdict.mark, verdict.off_by) == (Mark.failed, "1 difference")
    assert verdict.reason.endswith("effect_mean 3 -> 9")
    accept(published, Session(changed), lambda changes: shown.append(len(changes)))
    assert shown == [1]
    assert marks(published, changed)[-1] is Mark.passed


def test_a_run_is_launched_once(published: Published, tmp_path: Path) -> None:
    launched: list[Run] = []
    done = run_at(tmp_path / "run", ROWS)

    def launch(run: Run) -> Outcome:
        launched.append(run)
        return done

    check(published, Session(launch), None)
    assert launched == [Run("toy"), Run("toy", "gpt2")]


def test_unavailable_is_neither_pass_nor_fail(published: Published) -> None:
    assert marks(published, always(MISSING)) == [Mark.unavailable] * 4
    failed = Outcome(None, "it broke")
    assert marks(published, always(failed)) == [Mark.failed] * 4


def test_a_claim_about_a_file_that_does_not_ship(published: Published) -> None:
    text = FILE.replace("source: s}", "source: s, file: theirs.csv}")
    (published.folder / "published.yaml").write_text(text)
    launched: list[Run] = []

    def launch(run: Run) -> Outcome:
        launched.append(run)
        return MISSING

    file = published.folder / "theirs.csv"
    verdicts = check(read_published(published.folder), Session(launch), "gpt2")
    reason = f'needs "{file}", which does not ship (s)'
    assert [(v.mark, v.reason) for v in verdicts] == [(Mark.unavailable, reason)]
    assert launched == []
    file.write_text("")
    check(read_published(published.folder), Session(launch), "gpt2")
    assert launched == [Run("toy", "gpt2")]


def test_only_claims_of_one_model(published: Published) -> None:
    assert marks(published, always(MISSING), "gpt2") == [Mark.unavailable]


def test_nothing_is_accepted_without_the_run(published: Published) -> None:
    with pytest.raises(PublishedError, match="toy: experiment=toy: no weights"):
        accept(published, Session(always(MISSING)), print)
    assert not (published.folder / "golden.parquet").exists()


def test_junit_counts_unavailable_as_skipped(published: Published, tmp_path: Path) -> None:
    launch = always(run_at(tmp_path / "run", [{**each, "effect": 1.0} for each in ROWS]))
    root = ElementTree.fromstring(junit(check(published, Session(launch), None)))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("4", "2", "1")
    (failure,) = root.findall("./testsuite/testcase[@name='wrong']/failure")
    assert failure.text == "expected 4 ± 0.5, found 3, off by 1\nsource: s"


@pytest.mark.parametrize(
    ("outcome", "code", "last"),
    [
        (MISSING, 0, "0 pass, 0 fail, 4 unavailable"),
        (Outcome(None, "it broke"), 1, "0 pass, 4 fail, 0 unavailable"),
    ],
)
def test_exit_codes(
    published: Published,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: Outcome,
    code: int,
    last: str,
) -> None:
    def launcher(output_root: Path, *, words: tuple[str, ...]) -> Launch:
        del output_root, words
        return always(outcome)

    monkeypatch.setattr(command, "launcher", launcher)
    place = ["--experiments", str(published.folder.parent)]
    assert command.main(["toy", *place]) == code
    assert capsys.readouterr().out.rstrip().endswith(last)
    assert command.main(["toi", *place]) == 1
    assert 'Did you mean "toy"?' in capsys.readouterr().err
    assert command.main(["toy", *place, "--model", "gpt"]) == 1
    said = capsys.readouterr().err
    assert said == 'error: --model: no claim names "gpt". Did you mean "gpt2"? Named: gpt2\n'


@pytest.mark.published
def test_the_micro_models_agree_with_the_sums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["micro", "--output-root", str(tmp_path)]) == 0
    assert "0 fail, 0 unavailable" in capsys.readouterr().out
