"""Which code computed a run: a digest of our modules that compute, and of the plug-ins used.

Numbers of other code are never taken for those of this code: the digests are part of the run key.
*Computing* is every module of this package except those that only ask, show or compare
(`NOT_COMPUTING`): a change of the report leaves finished runs as they are, a change of a metric
makes them other runs. A plug-in counts by its distribution's name and version and by its sources,
so that one that is being written (an editable install) is not taken for its earlier self.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
NOT_COMPUTING = ("cli", "report", "regress", "export", "tracking", "__main__.py")
"""Top-level names of the package that cannot change a number."""
LENGTH = 16


@cache
def code_digest(package: Path = PACKAGE) -> str:
    """16 hexadecimal digits of SHA-256 over the sources that compute: names and contents."""
    files = (
        path
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] not in NOT_COMPUTING
    )
    return sources_digest(package, files)


def sources_digest(root: Path, files: Iterable[Path]) -> str:
    """16 hexadecimal digits over Python sources, by their names below `root`.

    Line ends are made alike: a checkout on another system is the same code.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        text = path.read_bytes().replace(b"\r\n", b"\n")
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}\0{len(text)}\0".encode())
        digest.update(text)
    return digest.hexdigest()[:LENGTH]


def module_digest(folder_or_file: Path) -> str:
    """The digest of a package's folder, with all sources in it, or of a module's file."""
    if folder_or_file.is_dir():
        return sources_digest(folder_or_file, folder_or_file.rglob("*.py"))
    return sources_digest(folder_or_file.parent, [folder_or_file])
