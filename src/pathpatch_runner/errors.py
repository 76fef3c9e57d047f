"""Every error this package raises on purpose.

    PathPatchError (ValueError)          a user can mend it: shown as one message, exit code 1
    ├── ConfigError                      a key, kind or value of the composed config
    ├── ExpressionError                  a path expression: shown with a caret
    ├── HypothesisError                  groups, families, units; sets that match no path
    ├── CircuitError                     sets of edges, their files and scores
    ├── ModelError                       loading a model, its shape, what it can be hooked for
    │   └── NotAtHandError               weights, a tokenizer or a package that is not here
    ├── DatasetError                     prompt pairs, tokenisation, positions
    ├── MetricError                      unknown metric, or data that cannot serve it
    ├── StoreError                       run directories and their files
    ├── PublishedError                   published values and the queries that check them
    └── ExecutionError                   the run itself
        ├── GuardError                   an identity that must hold did not
        └── HookError                    a hook fired other than as often as planned

A message says what was wrong (quoted), where it came from, what is allowed and what to do.
Our own invariants are `assert`s. Several problems of one config travel together in `Problems`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class PathPatchError(ValueError):
    """Root of the tree; `str(error)` is the whole message for the user."""


class ConfigError(PathPatchError):
    """A key, kind or value of the composed config."""


class ExpressionError(PathPatchError):
    """A path expression that does not parse or names what the model does not have."""


class HypothesisError(PathPatchError):
    """Groups, families, units, or a path set that matches no path."""


class CircuitError(PathPatchError):
    """A set of edges, a file of one, or scores to choose by. `names`: every edge (or node) the
    message is about; it shows the first ones."""

    def __init__(self, message: str, names: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        super().__init__(message)


class ModelError(PathPatchError):
    """A model that cannot be loaded, described or hooked."""


class NotAtHandError(ModelError):
    """What a model needs is not on this machine: its weights, its tokenizer, a package.

    It says nothing against the experiment: `regress` calls the claim unavailable.
    """


class DatasetError(PathPatchError):
    """Prompt pairs that cannot be used."""


class MetricError(PathPatchError):
    """A metric that is unknown or that the dataset cannot serve."""


class StoreError(PathPatchError):
    """Run directories and their files."""


class PublishedError(PathPatchError):
    """Published values and the queries that check them."""


class ExecutionError(PathPatchError):
    """The run itself failed."""


class GuardError(ExecutionError):
    """An identity that must hold did not."""


class HookError(ExecutionError):
    """A hook fired other than as often as planned."""


class Problems(PathPatchError):
    """Several problems reported together. `problems`: the single errors, in order found."""

    def __init__(self, problems: Sequence[PathPatchError]) -> None:
        self.problems = tuple(problems)
        numbered = (f"{i}. {problem}" for i, problem in enumerate(self.problems, start=1))
        super().__init__(f"{len(self.problems)} problems:\n" + "\n".join(numbered))


def raise_together(problems: Sequence[PathPatchError]) -> None:
    """Raise nothing for none, the error itself for one, `Problems` for several. What two readers
    of one file found alike is said once."""
    problems = list({str(problem): problem for problem in problems}.values())
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise Problems(problems)


def unknown_key(where: str, key: str, allowed: Iterable[str]) -> str:
    """The message for a key that an object does not have; `where` begins it ("": nothing does)."""
    names = list(allowed)
    what = f'unknown key "{key}".{did_you_mean(key, names)} Allowed: {", ".join(names)}'
    return f"{where}: {what}" if where else what


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """`' Did you mean "x"?'` for the nearest allowed word, or `''` where none is near."""
    near = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""
