"""Which sources the digest of the code is made of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pathpatch_runner.store import code_digest, module_digest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of two modules that compute and two that do not."""
    for name, text in (
        ("metric.py", "x = 1\n"),
        ("plan/compile.py", "y = 2\n"),
        ("report/page.py", "z = 3\n"),
        ("__main__.py", "main()\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_digest_is_of_names_and_contents(package: Path) -> None:
    said = b"metric.py\x006\x00x = 1\nplan/compile.py\x006\x00y = 2\n"
    assert code_digest.__wrapped__(package) == hashlib.sha256(said).hexdigest()[:16]


@pytest.mark.parametrize(
    ("name", "text", "same"),
    [
        ("metric.py", "x = 100\n", False),
        ("metric.py", "x = 1\r\n", True),
        ("new.py", "", False),
        ("plan/notes.txt", "not code", True),
        ("report/page.py", "z = 4\n", True),
        ("report/deep/more.py", "", True),
        ("__main__.py", "", True),
        ("plan/report/more.py", "", False),
    ],
)
def test_what_changes_it(package: Path, name: str, text: str, same: bool) -> None:
    before = code_digest.__wrapped__(package)
    (package / name).parent.mkdir(exist_ok=True, parents=True)
    (package / name).write_bytes(text.encode())
    assert (code_digest.__wrapped__(package) == before) is same


def test_a_single_module_counts_by_its_name_and_text(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text("a")
    (tmp_path / "other.py").write_text("b")
    before = module_digest(file)
    (tmp_path / "other.py").write_text("c")
    assert module_digest(file) == before
    file.write_text("aa")
    assert module_digest(file) != before
