"""Proof, on random tokens, that a model's hooks are live, and how its blocks are wired.

A hook that never fires, or whose edit changes nothing, gives silently wrong results. So each hook
point must fire once in a pass, with the expected shape, and random values written there must reach
what is computed from it: queries and keys the pattern, values `z`, `z` and MLPs the stream. What a
hook point is written together with is random too, so that weights of zero do not look like a dead
hook.

Wiring: whether an MLP reads its own layer's attention (a parallel one does not), and whether heads
add to the stream linearly (not where a norm follows them).

Four passes of short prompts do it, for any number of layers. In the first nothing is edited: hook
points are counted and measured. The others have one entry of the batch a trial (`trials`). `A` and
`B` are random values:

    trial           where              pass 1        pass 2                pass 3        looked at
    queries         every layer        all: A        q: B, the others: A   as in 1       pattern
    z               one layer          all: A        z: B, the others: A   as in 1       the stream
    wiring          one layer, MLP 0   z as it is    z + change            z + 2 changes the stream,
                                                                                         MLP

What is tried inside attention is tried in all layers at once: with `z` and MLPs written over, a
change does not leave its layer. Changes of the stream do, so `z`, MLPs and wiring are tried in the
first two layers and the last, each alone; that covers blocks that alternate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.hook_points import HookPoints, LayerHookPoints, named_hook_points
from pathpatch_runner.model.trials import (
    PASSES,
    Check,
    Edits,
    Forward,
    Hook,
    Seen,
    Trial,
    differs,
    on_one_head,
    plus_random,
    random,
    run_trials,
    same,
)
from pathpatch_runner.model.wiring import Probed

PROBE_TOKENS = 4
TOLERANCES = {torch.float64: 1e-5, torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.2}
"""Of linearity, relative to the largest entry. Some norms compute in float32 whatever the number
format."""
FAILURES = (ValueError, RuntimeError, TypeError, IndexError, AttributeError, KeyError)
"""What models raise that cannot be run."""
A, B = random(1), random(2)
ALWAYS_A = (A, A, A)
A_THEN_B = (A, B, A)
SILENT = (torch.zeros_like,) * PASSES


def probe(
    forward: Forward,
    shape: ModelShape,
    name: str,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Probed:
    """Try a model's hooks and see how it is wired; of `shape` only the sizes are used.

    Raises ModelError naming the first hook point that is not as needed.
    """
    generator = torch.Generator().manual_seed(0)
    length = min(PROBE_TOKENS, shape.n_ctx)
    ids = torch.randint(shape.d_vocab, (2, length), generator=generator).to(device)
    points = named_hook_points(shape, scores=True)
    tried = tuple(sorted({0, min(1, shape.n_layers - 1), shape.n_layers - 1}))
    try:
        _count(forward, ids, points, shape, name)
        required, optional = _required(points, tried, length), _optional(points, length)
        alone = [_values_alone(points, layer) for layer in tried]
        wiring = [_wiring(points, layer) for layer in tried]
        trials = [*required, *optional, *alone, *wiring]
        seen = run_trials(forward, ids[:1].repeat(len(trials), 1), trials, points.resid_final)
    except ModelError:
        raise
    except FAILURES as error:
        _check_plain(forward, ids, name, dtype)
        raise failure(name, f"a forward pass with hooks fails: {_first_line(error)}") from error
    by_trial = {id(trial): entry for entry, trial in enumerate(trials)}
    unheard = [trial for trial in alone if not _reached(trial, by_trial[id(trial)], seen)]
    silent = {trial.checks[0].layer for trial in unheard}
    for trial in required:
        _check(trial, by_trial[id(trial)], seen, silent, name)
    live = [_reached(trial, by_trial[id(trial)], seen) for trial in optional]
    return Probed(
        scores=bool(live) and all(live),
        layers=tried,
        separable=tuple(_is_linear(_stream(t, by_trial[id(t)], seen)) for t in wiring),
        mlp_reads_attention=tuple(_reads_attention(t, by_trial[id(t)], seen) for t in wiring),
    )


def _required(points: HookPoints, tried: Sequence[int], length: int) -> list[Trial]:
    """Edits that must reach what is computed from them."""
    layers = list(enumerate(points.layers))
    embed = Check(0, points.embed, points.layers[0].resid_pre)
    trials = [Trial((embed,), {points.embed: A_THEN_B})]
    if length > 1:
        # One position attends to itself whatever the queries and keys are.
        for queries in (True, False):
            checks = [Check(i, at.q if queries else at.k, at.pattern) for i, at in layers]
            trials.append(Trial(tuple(checks), _overwritten(_everywhere(points), checks)))
    checks = [Check(i, at.v, at.z) for i, at in layers]
    trials.append(Trial(tuple(checks), _overwritten(_everywhere(points), checks)))
    for layer in tried:
        at, after = points.layers[layer], points.stream_after(layer)
        base = _written(at)
        for point in (at.z, at.mlp_out):
            if point is not None:
                check = Check(layer, point, after)
                trials.append(Trial((check,), _overwritten(base, [check])))
    return trials


def _optional(points: HookPoints, length: int) -> list[Trial]:
    """Edits of scores and pattern, which not every bridge takes."""
    if length == 1:
        return []
    trials: list[Trial] = []
    for scores in (True, False):
        checks: list[Check] = []
        edits = dict(_overwritten(_everywhere(points), []))
        for layer, at in enumerate(points.layers):
            assert at.scores is not None
            point, target = (at.scores, at.pattern) if scores else (at.pattern, at.z)
            checks.append(Check(layer, point, target))
            edits[point] = (same, plus_random, same)
        trials.append(Trial(tuple(checks), edits))
    return trials


def _written(at: LayerHookPoints) -> list[str]:
    return [point for point in (at.q, at.k, at.v, at.z, at.mlp_out) if point is not None]


def _everywhere(points: HookPoints) -> list[str]:
    return [point for at in points.layers for point in _written(at)]


def _overwritten(base: Sequence[str], checks: Sequence[Check]) -> Edits:
    """`A` at all hook points of `base`, but `B` in the second pass where it is checked."""
    return dict.fromkeys(base, ALWAYS_A) | {check.point: A_THEN_B for check in checks}


def _without_mlp(points: HookPoints, layer: int) -> Edits:
    mlp_out = points.layers[layer].mlp_out
    return {} if mlp_out is None else {mlp_out: SILENT}


def _values_alone(points: HookPoints, layer: int) -> Trial:
    """Values reach the stream through the same matrix as `z`, whether `z` is live or not."""
    check = Check(layer, points.layers[layer].v, points.stream_after(layer))
    return Trial((check,), {check.point: A_THEN_B, **_without_mlp(points, layer)})


def _wiring(points: HookPoints, layer: int) -> Trial:
    at = points.layers[layer]
    check = Check(layer, at.z, points.stream_after(layer))
    heads = tuple(on_one_head(float(scale)) for scale in range(PASSES))
    watched = () if at.mlp_out is None else (at.mlp_out,)
    return Trial((check,), {at.z: heads, **_without_mlp(points, layer)}, watched)


def _reached(trial: Trial, entry: int, seen: Seen) -> bool:
    return all(differs(seen[entry, check.target]) for check in trial.checks)


def _check(trial: Trial, entry: int, seen: Seen, silent: set[int], name: str) -> None:
    """`silent`: layers whose attention writes no more than a constant: an output matrix of zero, as
    models made by hand have."""
    for check in trial.checks:
        excused = check.layer in silent and check.point.endswith("hook_z")
        if not excused and not differs(seen[entry, check.target]):
            raise failure(name, f"an edit at {check.point} does not reach {check.target}")


def _stream(trial: Trial, entry: int, seen: Seen) -> Sequence[torch.Tensor]:
    return seen[entry, trial.checks[0].target]


def _is_linear(stream: Sequence[torch.Tensor]) -> bool:
    """Whether twice the change of a head changes the stream twice as much."""
    plain, once, twice = (values.double() for values in stream)
    bend = (twice - 2 * once + plain).abs().max()
    return bool(bend <= TOLERANCES[stream[0].dtype] * twice.abs().max())


def _reads_attention(trial: Trial, entry: int, seen: Seen) -> bool | None:
    """Whether what an MLP writes changes with its layer's attention; None where there is no MLP,
    or no change of the stream that it could have read."""
    if not trial.watched:
        return None
    if differs(seen[entry, trial.watched[0]]):
        return True
    return False if differs(_stream(trial, entry, seen)) else None


def _count(
    forward: Forward, ids: torch.Tensor, points: HookPoints, shape: ModelShape, name: str
) -> None:
    """Every hook point of every layer fires once and has the expected shape."""
    expected = _expected_shapes(points, shape, ids)
    found: dict[str, list[tuple[int, ...]]] = {point: [] for point in expected}

    def hook_at(point: str) -> Hook:
        def hook(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            found[point].append(tuple(values.shape))
            return values

        return hook

    try:
        forward(ids, [(point, hook_at(point)) for point in expected])
    except KeyError as error:
        raise failure(name, f"a hook is missing: {error}") from error
    for point, size in expected.items():
        if len(found[point]) != 1:
            raise failure(name, f"{point} fires {len(found[point])} times in a pass, not once")
        if found[point][0] != size:
            raise failure(name, f"{point} is {list(found[point][0])} instead of {list(size)}")


def _expected_shapes(
    points: HookPoints, shape: ModelShape, ids: torch.Tensor
) -> dict[str, tuple[int, ...]]:
    batch, length = ids.shape
    stream = (batch, length, shape.d_model)
    heads = (batch, length, shape.n_heads, shape.d_head)
    shared = (batch, length, shape.n_kv, shape.d_head)
    found: dict[str, tuple[int, ...]] = {points.embed: stream, points.resid_final: stream}
    for layer in points.layers:
        found |= {layer.resid_pre: stream, layer.q: heads, layer.k: shared, layer.v: shared}
        found |= {layer.z: heads, layer.pattern: (batch, shape.n_heads, length, length)}
        if layer.mlp_out is not None:
            found[layer.mlp_out] = stream
    return found


def _check_plain(forward: Forward, ids: torch.Tensor, name: str, dtype: torch.dtype) -> None:
    """Say so where the model itself cannot be run, hooks or not."""
    try:
        forward(ids, [])
    except FAILURES as error:
        advice = "Some architectures cannot be run in every number format: try model.dtype=float32"
        if dtype == torch.float32:
            advice = "TransformerLens' bridge cannot run it with the transformers installed here"
        raise ModelError(
            f'model "{name}": a forward pass fails, hooks or not: {_first_line(error)}. {advice}'
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def failure(name: str, what: str) -> ModelError:
    """What is wrong with the hooks of a model."""
    return ModelError(
        f'model "{name}": {what}. TransformerLens\' bridge of this architecture does not '
        "offer what path patching needs; use another model"
    )
