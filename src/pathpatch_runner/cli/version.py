"""`--version`: ours and TransformerLens', whose number decides what a model computes."""

from __future__ import annotations

from importlib import metadata

PACKAGES = ("pathpatch-runner", "transformer-lens", "torch", "hydra-core")


def versions() -> str:
    """A line for each package, without importing any."""
    return "\n".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
