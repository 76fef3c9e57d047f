"""Problems of an experiment, collected so that all are reported together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pathpatch_runner.errors import PathPatchError, Problems

Result = TypeVar("Result")


def attempt(problems: list[PathPatchError], step: Callable[[], Result]) -> Result | None:
    """The step's result, or None and its problems noted."""
    try:
        return step()
    except Problems as several:
        problems.extend(several.problems)
    except PathPatchError as problem:
        problems.append(problem)
    return None
