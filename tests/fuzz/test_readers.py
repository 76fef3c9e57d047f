"""Every reader on malformed files: it reads them, or says why not in an error of ours; no other
exception leaves it.

Not everything that a rule changes is wrong (a byte less in a prompt is another prompt), so the
inputs that were refused are counted: `refused` is the least number for each reader, and together
they are well over 500.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.readers import READERS, Reader
from pathpatch_runner.errors import PathPatchError


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_malformed_files_are_refused_by_an_error_of_ours(tmp_path: Path, reader: Reader) -> None:
    path = tmp_path / "experiment" / "run" / reader.file
    path.parent.mkdir(parents=True)
    if reader.sound:
        path.write_bytes(reader.sound)
        reader.read(path)
    refused, strange = 0, []
    for name, contents in reader.cases():
        path.write_bytes(contents)
        try:
            reader.read(path)
        except PathPatchError:
            refused += 1
        except Exception as error:
            strange.append(f"{name}: {type(error).__name__}: {error}")
    assert strange == []
    assert refused >= reader.refused


def test_they_are_more_than_five_hundred() -> None:
    assert sum(reader.refused for reader in READERS) > 500
