"""What may be removed, what stays, and that nothing outside the folder is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.runs_there import CODE, collected, digests, failed, finished, told
from pathpatch_runner import clean
from pathpatch_runner.errors import StoreError
from pathpatch_runner.inventory.kept import kept_runs
from pathpatch_runner.inventory.surplus import remove, surplus_runs
from pathpatch_runner.store.lock import locked

EARLIER, LATER = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"


@pytest.fixture(autouse=True)
def present_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "code_digest", lambda: CODE)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_goes_and_what_stays(tmp_path: Path) -> None:
    toy = tmp_path / "toy"
    finished(toy / "a-earlier", finished=EARLIER, digests=digests("old"))
    finished(toy / "b-present", finished=LATER)
    finished(toy / "c-other-data", finished=EARLIER, digests=digests("old", dataset="e"))
    finished(toy / "d-other-config", finished=EARLIER, digests=digests("old"), config={"seed": 1})
    failed(toy / "e-failed", "no such head")
    told(toy / "f-interrupted")
    found = surplus_runs(kept_runs(tmp_path), CODE)
    assert [(each.run.directory.name, each.why) for each in found] == [
        ("a-earlier", "superseded by b-present"),
        ("f-interrupted", "interrupted"),
    ]


def test_a_run_of_the_present_code_is_never_superseded(tmp_path: Path) -> None:
    finished(tmp_path / "toy" / "a", finished=EARLIER)
    finished(tmp_path / "toy" / "b", finished=LATER, digests=digests("of another branch"))
    assert surplus_runs(kept_runs(tmp_path), CODE) == []
    assert [each.run.directory.name for each in surplus_runs(kept_runs(tmp_path), "new")] == ["a"]


def test_collected_parts_go_where_that_is_asked_for(tmp_path: Path) -> None:
    toy = tmp_path / "toy"
    one, two = finished(toy / "one", "shard=1/2"), finished(toy / "two", "shard=2/2")
    finished(toy / "three", "shard=1/3")
    collected(toy / "whole", one, two)
    assert clean.main([str(tmp_path), "--yes"]) == 0
    assert left(toy) == ["one", "three", "two", "whole"]
    assert clean.main([str(tmp_path), "--yes", "--parts"]) == 0
    assert left(toy) == ["three", "whole"]


@pytest.mark.parametrize(("said", "gone"), [("y\n", True), ("yes", True), ("\n", False)])
def test_it_shows_and_asks(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    gone: bool,
) -> None:
    told(tmp_path / "toy" / "0a", "seed=3")
    failed(tmp_path / "toy" / "0b", "no")
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return said

    monkeypatch.setattr("builtins.input", reply)
    assert clean.main([str(tmp_path)]) == 0
    assert asked == ["remove this run? [y/N] "]
    out = capsys.readouterr().out
    assert "toy/0a" in out
    assert "seed=3" in out
    assert left(tmp_path / "toy") == (["0b"] if gone else ["0a", "0b"])


def test_nobody_to_ask_removes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_end(_: str) -> str:
        raise EOFError

    told(tmp_path / "toy" / "0a")
    monkeypatch.setattr("builtins.input", at_end)
    assert clean.main([str(tmp_path)]) == 0
    assert left(tmp_path / "toy") == ["0a"]
    assert "nothing was removed" in capsys.readouterr().out
    assert clean.main([str(tmp_path), "--yes"]) == 0
    assert left(tmp_path / "toy") == []
    assert capsys.readouterr().out.endswith("removed 1 run, 2 B\n")


def test_a_run_that_is_being_made_stays(tmp_path: Path) -> None:
    run = told(tmp_path / "toy" / "0a")
    (seen,) = surplus_runs(kept_runs(tmp_path), CODE)
    with locked(run):
        assert surplus_runs(kept_runs(tmp_path), CODE) == []
        with pytest.raises(StoreError, match="is being written to by another run"):
            remove(seen, tmp_path)
    finished(tmp_path / "done")
    (tmp_path / "done" / "manifest.json").rename(run / "manifest.json")
    with pytest.raises(StoreError, match="has finished in the meantime"):
        remove(seen, tmp_path)
    assert run.is_dir()


def test_links_are_never_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside, outputs = tmp_path / "outside", tmp_path / "outputs"
    told(outside / "experiment" / "0z")
    precious = outside / "precious.txt"
    precious.write_text("mine")
    run = told(outputs / "toy" / "0a")
    (run / "data").symlink_to(outside)
    (run / "precious.txt").symlink_to(precious)
    (outputs / "toy" / "0b").symlink_to(outside / "experiment" / "0z")
    (outputs / "linked").symlink_to(outside / "experiment")
    assert clean.main([str(outputs), "--yes"]) == 0
    said = capsys.readouterr().out
    for link in (outputs / "toy" / "0b", outputs / "linked" / "0z"):
        assert f"left, since a link leads there: {link}" in said
    assert left(outputs / "toy") == ["0b"]
    assert precious.read_text() == "mine"
    assert (outside / "experiment" / "0z" / ".hydra" / "overrides.yaml").is_file()
    for each in surplus_runs(kept_runs(outputs), CODE):
        with pytest.raises(StoreError, match="is reached through a link"):
            remove(each, outputs)
