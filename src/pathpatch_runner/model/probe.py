"""Proof, on random tokens, that a model's hooks are live, and how its blocks are wired.

A hook that never fires, or whose edit changes nothing, gives silently wrong results. So each hook
point must fire once in a pass, with the expected shape, and random values written there must reach
what is computed from it: queries and keys the pattern, values `z`, `z` and MLPs the stream. What a
hook point is written together with is random too, so that weights of zero do not look like a dead
hook.

Wiring: whether an MLP reads its own layer's attention (a parallel one does not), and whether heads
add to the stream linearly (not where a norm follows them).

Four passes of short prompts do it, for any number of layers. In the first nothing is edited: hook
points are counted and measured. In the others every entry of the batch is a `_Trial` with edits of
its own, and what an edit changes is seen between two passes, at the same entry of the batch:

    entry   layer  on trial   pass 1               pass 2                        must differ in
    3       0      z          q, k, v, z, mlp: A   z: B, the others: A           the stream
    8       0      wiring     one head of z: + 0   + change (pass 3: + 2 changes)

Edits are tried in the first two layers and the last, which covers blocks that alternate.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.hook_points import HookPoints, named_hook_points
from pathpatch_runner.model.wiring import Probed

PROBE_TOKENS = 6
PASSES = 3
"""Passes with edits, after the one that counts."""
TOLERANCES = {torch.float64: 1e-5, torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.2}
"""Of linearity, relative to the largest entry. Some norms compute in float32 whatever the number
format."""
NOISE = {torch.float64: 1e-12, torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
"""Relative to an entry: differences that rounding alone can make between two passes, where the
experts of a mixture are given other rows."""

FAILURES = (ValueError, RuntimeError, TypeError, IndexError, AttributeError)
"""What models raise that cannot be run."""

Hook = Callable[[torch.Tensor, Any], torch.Tensor]
Forward = Callable[[torch.Tensor, list[tuple[str, Hook]]], torch.Tensor]
Edit = Callable[[torch.Tensor], torch.Tensor]
"""Of the values of one entry of the batch."""


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
    try:
        _count(forward, ids, points, shape, name)
    except ModelError:
        raise
    except FAILURES as error:
        _check_plain(forward, ids, name, dtype)
        raise failure(name, f"a forward pass with hooks fails: {_first_line(error)}") from error
    tried = tuple(sorted({0, min(1, shape.n_layers - 1), shape.n_layers - 1}))
    trials = [_embedding(points)]
    for layer in tried:
        trials += _trials_of_layer(points, layer, positions=length)
    seen = _run_trials(forward, ids[:1].repeat(len(trials), 1), trials, name)
    return _concluded(trials, seen, tried, name)


@dataclass(frozen=True)
class _Trial:
    """One entry of the batch. `edits`: hook point -> the edit in each pass; `watched`: hook points
    whose values, before any edit there, are kept."""

    what: str
    layer: int
    point: str
    watched: tuple[str, ...]
    edits: Mapping[str, Sequence[Edit]] = field(default_factory=dict)


Seen = Mapping[tuple[int, str], list[torch.Tensor]]
"""(entry, watched hook point) -> its values in each pass."""


def _same(values: torch.Tensor) -> torch.Tensor:
    return values


def _random(number: int) -> Edit:
    """Overwrite with random values, the same ones for the same number."""

    def edit(values: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(number)
        return torch.randn(values.shape, generator=generator).to(values)

    return edit


def _plus_random(values: torch.Tensor) -> torch.Tensor:
    """Random changes; what is masked stays so."""
    return values + _random(2)(values)


def _on_one_head(scale: float) -> Edit:
    """A change of the first head of z [pos, n_heads, d_head] that is large beside what it is,
    times `scale`."""

    def edit(z: torch.Tensor) -> torch.Tensor:
        change = torch.zeros_like(z)
        change[:, 0] = _random(1)(z)[:, 0] * (1 + 4 * z.abs().max()) * scale
        return z + change

    return edit


A, B = _random(1), _random(2)
ALWAYS_A = (A, A, A)
A_THEN_B = (A, B, A)
SILENT = (torch.zeros_like,) * PASSES


def _embedding(points: HookPoints) -> _Trial:
    first = points.layers[0].resid_pre
    return _Trial("embed", 0, points.embed, (first,), {points.embed: A_THEN_B})


def _trials_of_layer(points: HookPoints, layer: int, positions: int) -> list[_Trial]:
    names, after = points.layers[layer], points.stream_after(layer)
    assert names.scores is not None
    reached = {names.v: names.z, names.z: after}
    if names.mlp_out is not None:
        reached[names.mlp_out] = after
    optional: dict[str, str] = {}
    if positions > 1:
        # One position attends to itself whatever the queries and keys are.
        reached = {names.q: names.pattern, names.k: names.pattern, **reached}
        optional = {names.scores: names.pattern, names.pattern: names.z}
    base = dict.fromkeys(reached, ALWAYS_A)
    silent = {} if names.mlp_out is None else {names.mlp_out: SILENT}
    trials = [
        _Trial("edit", layer, point, (target,), {**base, point: A_THEN_B})
        for point, target in reached.items()
    ]
    trials += [
        _Trial("optional", layer, point, (target,), {**base, point: (_same, _plus_random, _same)})
        for point, target in optional.items()
    ]
    heads = tuple(_on_one_head(float(scale)) for scale in range(PASSES))
    watched = (after,) if names.mlp_out is None else (after, names.mlp_out)
    # Values reach the stream through the same matrix as `z`, whether `z` is live or not.
    trials.append(_Trial("values", layer, names.v, (after,), {names.v: A_THEN_B, **silent}))
    trials.append(_Trial("wiring", layer, names.z, watched, {names.z: heads, **silent}))
    return trials


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


def _run_trials(forward: Forward, ids: torch.Tensor, trials: Sequence[_Trial], name: str) -> Seen:
    seen: dict[tuple[int, str], list[torch.Tensor]] = defaultdict(list)
    for number in range(PASSES):
        with warnings.catch_warnings():
            # TransformerLens warns that an edit of dead scores is lost: what is to be found.
            lost = r"A hook on \S*hook_(attn_scores|pattern) returned a modified"
            warnings.filterwarnings("ignore", lost)
            hooks = _hooks_of(trials, number, seen)
            try:
                forward(ids, hooks)
            except KeyError:
                # Hooks are looked up before anything is run. Only those for scores may be missing.
                required = [(point, hook) for point, hook in hooks if "attn_scores" not in point]
                forward(ids, required)
            except FAILURES as error:
                raise failure(
                    name, f"a pass with edited values fails: {_first_line(error)}"
                ) from error
    return seen


def _hooks_of(
    trials: Sequence[_Trial], number: int, seen: dict[tuple[int, str], list[torch.Tensor]]
) -> list[tuple[str, Hook]]:
    """One hook for each hook point that some trial edits or watches."""
    edits: dict[str, list[tuple[int, Edit]]] = defaultdict(list)
    watched: dict[str, list[int]] = defaultdict(list)
    for entry, trial in enumerate(trials):
        for point in trial.watched:
            watched[point].append(entry)
        for point, by_pass in trial.edits.items():
            edits[point].append((entry, by_pass[number]))

    def hook_at(point: str) -> Hook:
        def hook(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            for entry in watched[point]:
                seen[entry, point].append(values[entry].clone())
            edited = values.clone()
            for entry, edit in edits[point]:
                edited[entry] = edit(values[entry])
            return edited

        return hook

    return [(point, hook_at(point)) for point in dict.fromkeys([*edits, *watched])]


def _concluded(trials: Sequence[_Trial], seen: Seen, tried: tuple[int, ...], name: str) -> Probed:
    silent, live, separable, after = set[int](), [], {}, {}
    for entry, trial in reversed(list(enumerate(trials))):
        values = [seen[entry, point] for point in trial.watched]
        changed = _differs(values[0][0], values[0][1])
        if trial.what == "values" and not changed:
            silent.add(trial.layer)
        elif trial.what == "optional":
            live.append(changed)
        elif trial.what == "wiring":
            separable[trial.layer] = _is_linear(values[0])
            after[trial.layer] = _reads_attention(values, attention_writes=changed)
        elif trial.what in ("edit", "embed") and not changed:
            # An output matrix of zero, as models made by hand have.
            if trial.layer in silent and trial.point.endswith("hook_z"):
                continue
            raise failure(name, f"an edit at {trial.point} does not reach {trial.watched[0]}")
    return Probed(
        scores=bool(live) and all(live),
        layers=tried,
        separable=tuple(separable[layer] for layer in tried),
        mlp_reads_attention=tuple(after[layer] for layer in tried),
    )


def _differs(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two values differ by more than rounding."""
    if torch.equal(one, other):
        return False
    gap = (one.double() - other.double()).abs()
    return bool((gap > NOISE[one.dtype] * (one.double().abs() + other.double().abs())).any())


def _is_linear(stream: Sequence[torch.Tensor]) -> bool:
    """Whether twice the change of a head changes the stream twice as much."""
    plain, once, twice = (values.double() for values in stream)
    bend = (twice - 2 * once + plain).abs().max()
    return bool(bend <= TOLERANCES[stream[0].dtype] * twice.abs().max())


def _reads_attention(
    values: Sequence[Sequence[torch.Tensor]], attention_writes: bool
) -> bool | None:
    """Whether what an MLP writes changes with its layer's attention; None where there is no MLP,
    or no change of the stream that it could have read."""
    if len(values) < 2:
        return None
    if _differs(values[1][0], values[1][1]):
        return True
    return False if attention_writes else None


def failure(name: str, what: str) -> ModelError:
    """What is wrong with the hooks of a model."""
    return ModelError(
        f'model "{name}": {what}. TransformerLens\' bridge of this architecture does not '
        "offer what path patching needs; use another model"
    )
