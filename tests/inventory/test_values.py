"""Values of path sets: which `clean` removes."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.runs_there import CODE, finished
from pathpatch_runner import clean
from pathpatch_runner.inventory.values import kept_values
from pathpatch_runner.store.known import ABOUT, FOLDER


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(clean, "code_digest", lambda: CODE)
    finished(tmp_path / "toy" / "a")
    for name, about in {
        "a-present": f'{{"digests": {{"code": "{CODE}"}}}}',
        "b-other": '{"digests": {"code": "old"}}',
        "c-damaged": "[1",
    }.items():
        folder = tmp_path / FOLDER / name
        folder.mkdir(parents=True)
        (folder / ABOUT).write_text(about)
        (folder / "run-0.part").write_bytes(bytes(1000))
    return tmp_path


def test_those_of_other_code_are_shown_and_go(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clean.main([str(outputs), "--yes"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"values of path sets: 2 folders of {outputs / FOLDER}, 2.0 kB")
    assert out[1].startswith("removed 2 folders of values, 2.0 kB")
    assert [each.folder.name for each in kept_values(outputs)] == ["a-present"]
    assert (outputs / "toy" / "a" / "manifest.json").exists()
    assert clean.main([str(outputs), "--yes"]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_all_go_where_that_is_asked_for(outputs: Path) -> None:
    assert clean.main([str(outputs), "--yes", "--known"]) == 0
    assert kept_values(outputs) == []


def test_they_are_asked_about(
    outputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return "n"

    monkeypatch.setattr("builtins.input", reply)
    assert clean.main([str(outputs)]) == 0
    assert asked == ["remove these values? [y/N] "]
    assert "nothing was removed" in capsys.readouterr().out
    assert len(kept_values(outputs)) == 3


def test_links_are_followed_nowhere(outputs: Path) -> None:
    elsewhere = outputs / FOLDER
    other = outputs / "other"
    finished(other / "toy" / "a")
    (other / FOLDER).symlink_to(elsewhere)
    assert clean.main([str(other), "--yes", "--known"]) == 0
    assert len(kept_values(outputs)) == 3
