"""Text files: what is read, and every file that is refused with the way to mend it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pathpatch_runner.errors import DatasetError
from pathpatch_runner.reading import file, numbered_lines, read_text


def refused(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_text(path, "dataset.path", DatasetError)
    return str(caught.value)


@pytest.mark.parametrize(
    "data", [b"a\r\n\xc3\xa9", b"\xef\xbb\xbfa\r\n\xc3\xa9"], ids=["plain", "mark"]
)
def test_utf_8_with_or_without_a_mark(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    assert read_text(tmp_path / "f", "dataset.path", DatasetError) == "a\r\né"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "\ufeffab".encode("utf-16-le"),
            "is UTF-16 text: it begins with the bytes ff fe. Save it as UTF-8, for instance: "
            "iconv -f UTF-16 -t UTF-8 FILE > NEW",
        ),
        ("\ufeffab".encode("utf-16-be"), "is UTF-16 text: it begins with the bytes fe ff."),
        ("\ufeffab".encode("utf-32-le"), "is UTF-32 text: it begins with the bytes ff fe 00 00."),
        (
            "ab".encode("utf-16-le"),
            "is not a text file: byte 1 (line 1) is NUL. If it is UTF-16: Save it as UTF-8",
        ),
        (b"a\nb\0", "is not a text file: byte 3 (line 2) is NUL."),
        (
            "a\ncafé".encode("latin-1"),
            "is not UTF-8 text: byte 5 (line 2) is 0xe9. If it is Latin-1: Save it as UTF-8, for "
            "instance: iconv -f LATIN1 -t UTF-8 FILE > NEW",
        ),
        (b"\xef\xbb\xbfa\xff", "is not UTF-8 text: byte 4 (line 1) is 0xff."),
    ],
)
def test_other_encodings(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "f").write_bytes(data)
    assert refused(tmp_path / "f").startswith(f'dataset.path: "{tmp_path / "f"}" {message}')


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == f'dataset.path: no file "{tmp_path / "none"}"'
    assert refused(tmp_path) == f'dataset.path: "{tmp_path}" is a directory. Name a file'
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refused(tmp_path / "pipe")
    assert "is not a regular file" in refused(Path("/dev/zero"))
    assert refused(tmp_path / ("n" * 300)).endswith("cannot be read: File name too long")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert refused(tmp_path / "loop").startswith("dataset.path: ")


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "f").write_text("a")
    monkeypatch.setattr(Path, "open", denied)
    assert refused(tmp_path / "f").endswith('f" cannot be read: Permission denied')


def test_what_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "MOST_BYTES", 3)
    (tmp_path / "f").write_text("abcd")
    assert refused(tmp_path / "f").endswith("is larger than 3 bytes. Use a part of it")


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\u2028b\r\n\n \t\nc\x0bd\x85e\rf"
    assert list(numbered_lines(text)) == [(1, "a\u2028b"), (4, "c\x0bd\x85e\rf")]
