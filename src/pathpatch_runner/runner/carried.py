"""What found paths carry, as tokens: the last step of a search's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pathpatch_runner.config import Backend
from pathpatch_runner.execute.delta.carried import carried, token_changes
from pathpatch_runner.execute.task import Task
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.plan.compile import compile_plan
from pathpatch_runner.runner.path_effects import PathEffects
from pathpatch_runner.search.found import Carried

MOST_TOKENS = 10
"""Tokens that a row names of either kind."""
MOST_ELEMENTS = 2**26
"""Numbers of one temporary array."""


def carried_tokens(effects: PathEffects, path_sets: Sequence[PathSet]) -> tuple[Carried, ...]:
    """Of each path set, on the pairs of `effects`; () where they are evaluated by another executor
    than `delta`, which alone sees streams."""
    if effects.backend != Backend.delta.value:
        return ()
    return tuple(_carried(effects, path_sets))


def _carried(effects: PathEffects, path_sets: Sequence[PathSet]) -> Iterator[Carried]:
    task = effects.task
    widest = max(task.model.shape.d_vocab, task.model.shape.d_model * int(effects.sizes.sum()))
    size = max(1, MOST_ELEMENTS // widest)
    for start in range(0, len(path_sets), size):
        plan = compile_plan(path_sets[start : start + size], effects.alphabet)
        vectors = carried(task, plan, effects.direction)
        for changes in token_changes(task, vectors):
            yield _tokens_of(changes, task)


def _tokens_of(changes: np.ndarray, task: Task) -> Carried:
    """`changes` [d_vocab]."""
    order = np.argsort(-changes, kind="stable")
    rising = [int(token) for token in order[:MOST_TOKENS] if changes[token] > 0]
    falling = [int(token) for token in order[::-1][:MOST_TOKENS] if changes[token] < 0]
    return Carried(
        tuple(_text(task, token) for token in rising),
        tuple(float(changes[token]) for token in rising),
        tuple(_text(task, token) for token in falling),
        tuple(float(changes[token]) for token in falling),
    )


def _text(task: Task, token: int) -> str:
    tokenizer = task.model.tokenizer
    known = tokenizer is not None and token < tokenizer.n_vocab
    return tokenizer.token_text(token) if tokenizer is not None and known else str(token)
