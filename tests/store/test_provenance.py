"""Git state and versions: of this package only, and never a failure."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pathpatch_runner.store import GitState, command_line, git_state, package_versions, utc_now

IDENTITY = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module committed to a fresh repository."""
    path = tmp_path / "module.py"
    path.write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "module.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    return path


def test_clean_and_dirty_repositories(module: Path) -> None:
    commit = git(module.parent, "rev-parse", "HEAD")
    assert len(commit) == 40
    (module.parent / "untracked.txt").write_text("")
    assert git_state(module) == GitState(commit, dirty=False)
    module.write_text("x = 2\n")
    assert git_state(module) == GitState(commit, dirty=True)


def test_a_package_installed_inside_a_repository_is_not_part_of_it(module: Path) -> None:
    installed = module.parent / "site-packages" / "store.py"
    installed.parent.mkdir()
    installed.write_text("")
    assert git_state(installed) is None


def test_no_repository_and_no_git(
    tmp_path: Path, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_state(tmp_path / "elsewhere" / "file.py") is None
    monkeypatch.setenv("PATH", "")
    assert git_state(module) is None


def test_versions_of_what_is_installed() -> None:
    versions = package_versions(("numpy", "no-such-distribution"))
    assert list(versions) == ["python", "numpy"]
    assert versions["numpy"] == np.__version__


def test_the_command_names_the_program_without_its_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/run.py", "experiment=toy", "seed=1"])
    assert command_line() == ("run.py", "experiment=toy", "seed=1")


def test_times_are_utc_to_the_second() -> None:
    assert len(utc_now()) == len("2026-11-24T01:02:03+00:00")
    assert utc_now().endswith("+00:00")
