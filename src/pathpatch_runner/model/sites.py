"""Names of the hooks that the executors use, and proof that they are live.

A hook that never fires, or whose edit changes nothing, gives silently wrong results; so each
site is tried on random tokens before use: it must fire once, with the expected shape, and
setting it to zero must change the logits. Scores before the softmax are dead on some
architectures, which is known to the executors (`scores` is None there).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape

PROBE_TOKENS = 6
Forward = Callable[[torch.Tensor, list[tuple[str, Any]]], torch.Tensor]


@dataclass(frozen=True)
class LayerSites:
    """Hook names of one layer. `q` [batch, pos, n_heads, d_head], `k`, `v` [batch, pos, n_kv,
    d_head] (or heads flattened into the last axis), `z` like `q`, `pattern`, `scores` [batch,
    n_heads, pos, pos]."""

    q: str
    k: str
    v: str
    z: str
    pattern: str
    scores: str | None
    mlp_out: str | None
    resid_pre: str


@dataclass(frozen=True)
class HookSites:
    """All sites of a model."""

    embed: str
    layers: tuple[LayerSites, ...]


def named_sites(shape: ModelShape, *, scores: bool) -> HookSites:
    """The sites by the names TransformerLens gives them."""
    return HookSites(
        "hook_embed",
        tuple(_named_layer(f"blocks.{layer}", shape, scores) for layer in range(shape.n_layers)),
    )


def _named_layer(block: str, shape: ModelShape, scores: bool) -> LayerSites:
    return LayerSites(
        q=f"{block}.attn.hook_q",
        k=f"{block}.attn.hook_k",
        v=f"{block}.attn.hook_v",
        z=f"{block}.attn.hook_z",
        pattern=f"{block}.attn.hook_pattern",
        scores=f"{block}.attn.hook_attn_scores" if scores else None,
        mlp_out=None if shape.attn_only else f"{block}.hook_mlp_out",
        resid_pre=f"{block}.hook_resid_pre",
    )


def probe_sites(forward: Forward, shape: ModelShape, name: str, device: torch.device) -> HookSites:
    """The sites of a model, each tried. Raises ModelError naming the first that is not live.

    Every layer's sites are counted and measured; edits are tried in the first and last layer.
    """
    generator = torch.Generator().manual_seed(0)
    length = min(PROBE_TOKENS, shape.n_ctx)
    ids = torch.randint(shape.d_vocab, (2, length), generator=generator).to(device)
    sites = named_sites(shape, scores=True)
    plain = _count(forward, shape, sites, ids, name)
    tried = {0, shape.n_layers - 1}
    for layer in sorted(tried):
        for site in _required(sites.layers[layer]):
            if not _is_live(forward, site, ids, plain):
                raise ModelError(
                    f'model "{name}": an edit at {site} changes nothing, so paths cannot be '
                    "patched there. The bridge of this architecture does not offer what is needed"
                )
    alive = all(
        _is_live(forward, site, ids, plain)
        for layer in tried
        if (site := sites.layers[layer].scores) is not None
    )
    return named_sites(shape, scores=alive)


def _required(layer: LayerSites) -> list[str]:
    named = [layer.q, layer.k, layer.v, layer.z]
    return named + ([layer.mlp_out] if layer.mlp_out is not None else [])


def _count(
    forward: Forward, shape: ModelShape, sites: HookSites, ids: torch.Tensor, name: str
) -> torch.Tensor:
    """Run with a counting hook at every required site; the logits."""
    seen: dict[str, list[int]] = {}

    def note(site: str) -> Callable[[torch.Tensor, Any], torch.Tensor]:
        def counted(values: torch.Tensor, hook: Any) -> torch.Tensor:
            del hook
            seen.setdefault(site, []).append(values.numel())
            return values

        return counted

    wanted = [sites.embed, *(site for layer in sites.layers for site in _required(layer))]
    try:
        logits = forward(ids, [(site, note(site)) for site in wanted])
    except (KeyError, AttributeError, ValueError) as error:
        raise ModelError(f'model "{name}": its bridge lacks a hook: {error}') from error
    wrong = [site for site in wanted if len(seen.get(site, ())) != 1]
    if wrong:
        raise ModelError(
            f'model "{name}": {wrong[0]} fires {len(seen.get(wrong[0], ()))} times in a forward '
            "pass instead of once. The bridge of this architecture does not offer what is needed"
        )
    expected = ids.numel() * shape.n_heads * shape.d_head
    z = sites.layers[0].z
    if seen[z] != [expected]:
        raise ModelError(
            f'model "{name}": {z} has {seen[z][0]} entries for {ids.numel()} tokens instead of '
            f"{expected} ({shape.n_heads} heads of {shape.d_head})"
        )
    return logits


def _is_live(forward: Forward, site: str, ids: torch.Tensor, plain: torch.Tensor) -> bool:
    def scramble(values: torch.Tensor, hook: Any) -> torch.Tensor:
        del hook
        # Reversing the positions disturbs every site, scores and patterns among them.
        return values.flip(1 if values.shape[1] == ids.shape[1] else -2) * 0.5

    edited = forward(ids, [(site, scramble)])
    return not torch.allclose(edited, plain, equal_nan=False)
