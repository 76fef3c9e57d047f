"""Where a result came from: code, packages, machine, inputs, command and time.

A typed record inside every manifest. What can be asked of the interpreter is collected here;
what needs torch (device, threads) is the caller's to say. No host or user name is recorded.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "pathpatch-runner",
    "torch",
    "transformer-lens",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "pyarrow",
    "hydra-core",
    "omegaconf",
)
"""Distributions whose version can change a result or the bytes of a table."""

GIT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class GitState:
    """The commit of the package's repository; `dirty`: tracked files differ from it."""

    commit: str
    dirty: bool


@dataclass(frozen=True)
class Provenance:
    """All that is needed to make a run again.

    `config`: the resolved config. `digests`: of data and weights files, by name. `device` as
    torch spells it, `device_name` what it calls itself. `started`, `finished`: UTC, ISO 8601.
    """

    command: tuple[str, ...]
    config: Mapping[str, Any]
    digests: Mapping[str, str]
    git: GitState | None
    versions: Mapping[str, str]
    platform: str
    device: str
    device_name: str
    dtype: str
    threads: int
    started: str
    finished: str


def git_state(file: Path = Path(__file__)) -> GitState | None:
    """Of the repository that tracks `file`; None for an installed package or without git.

    Asks whether the file is tracked: an environment inside someone else's repository is not
    part of it.
    """
    if _git(file, "ls-files", "--error-unmatch", file.name) is None:
        return None
    commit = _git(file, "rev-parse", "HEAD")
    changes = _git(file, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return None
    return GitState(commit.strip(), bool(changes.strip()))


def _git(file: Path, *arguments: str) -> str | None:
    """What git prints in the file's directory; None where it fails or is missing."""
    command = ["git", "--no-optional-locks", "-C", str(file.parent), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def package_versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Version by distribution, Python's first; those not installed are left out."""
    versions = {"python": platform.python_version()}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def platform_name() -> str:
    """Operating system and processor, such as `Linux-x86_64`, without the host's name."""
    return f"{platform.system()}-{platform.machine()}"


def command_line() -> tuple[str, ...]:
    """The program's name and arguments."""
    return (Path(sys.argv[0]).name, *sys.argv[1:])


def utc_now() -> str:
    """ISO 8601 to the second, such as `2026-11-24T01:02:03+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")
