"""Proof, on random tokens, that a model is what its shape says and that its hooks are live.

A hook that never fires, or whose edit changes nothing, gives silently wrong results. So each site
must fire once in a pass, with the expected shape, and random values written there must reach what
is computed from it: queries and keys the pattern, values `z`, `z` and MLPs the stream. What a site
is written together with is random too, so that weights of zero do not look like a dead hook.

Wiring: a parallel MLP must not see its layer's attention, a sequential one must; heads that count
as separable must add to the stream linearly, without a norm in between.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.sites import HookSites, LayerSites, named_sites

PROBE_TOKENS = 6
TOLERANCES = {torch.float64: 1e-5, torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.2}
"""Relative to the largest entry. Some norms compute in float32 whatever the number format."""

Hook = Callable[[torch.Tensor, Any], torch.Tensor]
Forward = Callable[[torch.Tensor, list[tuple[str, Hook]]], torch.Tensor]
Edit = Callable[[torch.Tensor], torch.Tensor]


def probe_sites(
    forward: Forward, shape: ModelShape, name: str, device: torch.device, *, native: bool = False
) -> HookSites:
    """The sites of a model, each tried. Raises ModelError naming the first that is not as needed.

    All layers are counted and measured; edits are tried in the first two and the last, which
    covers architectures whose layers alternate. `native`: wiring is known, and may be by hand.
    """
    probe = _Probe(forward, shape, name, device)
    probe.count()
    tried = sorted({0, min(1, shape.n_layers - 1), shape.n_layers - 1})
    probe.check_embedding()
    scores = [probe.check_layer(layer) for layer in tried]
    for layer in tried:
        probe.check_wiring(layer, native=native)
    return named_sites(shape, scores=all(scores))


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
    """A change of the first head that is large beside what it is, times `scale`."""

    def edit(z: torch.Tensor) -> torch.Tensor:
        change = torch.zeros_like(z)
        change[:, :, 0] = _random(1)(z)[:, :, 0] * (1 + 4 * z.abs().max()) * scale
        return z + change

    return edit


class _Seen(Exception):
    """Ends a pass early; it never leaves this module."""


class _Probe:
    def __init__(
        self, forward: Forward, shape: ModelShape, name: str, device: torch.device
    ) -> None:
        self._forward = forward
        self._shape = shape
        self._name = name
        self.sites = named_sites(shape, scores=True)
        generator = torch.Generator().manual_seed(0)
        self._length = min(PROBE_TOKENS, shape.n_ctx)
        tokens = torch.randint(shape.d_vocab, (2, self._length), generator=generator)
        self._ids = tokens.to(device)

    def _run(
        self, edits: Mapping[str, Edit], watched: Sequence[str], *, whole: bool = False
    ) -> dict[str, list[torch.Tensor]]:
        """A pass with edits; every value that reached each watched site, before an edit there.

        It ends when all have been seen, which for early layers is soon; `whole`: at its end.
        """
        seen: dict[str, list[torch.Tensor]] = {site: [] for site in watched}

        def hook_at(site: str) -> Hook:
            def hook(values: torch.Tensor, hook: Any) -> torch.Tensor:
                del hook
                if site in seen:
                    seen[site].append(values.clone())
                    if not whole and all(seen.values()):
                        raise _Seen
                return edits[site](values.clone()) if site in edits else values

            return hook

        names = dict.fromkeys([*edits, *watched])
        with contextlib.suppress(_Seen):
            self._forward(self._ids, [(site, hook_at(site)) for site in names])
        return seen

    def _last(self, edits: Mapping[str, Edit], *watched: str) -> list[torch.Tensor]:
        """What reached each watched site; empty where it did not fire."""
        seen = self._run(edits, watched)
        return [seen[site][0] if seen[site] else torch.empty(0) for site in watched]

    def _fail(self, what: str) -> ModelError:
        return ModelError(
            f'model "{self._name}": {what}. TransformerLens\' bridge of this architecture does not '
            "offer what path patching needs; use another model"
        )

    def count(self) -> None:
        """Every site of every layer fires once and has the expected shape."""
        expected = self._shapes()
        try:
            seen = self._run({}, list(expected), whole=True)
        except (KeyError, AttributeError) as error:
            raise self._fail(f"a hook is missing: {error}") from error
        except (ValueError, RuntimeError, TypeError, IndexError) as error:
            raise self._fail(f"a forward pass fails: {error}") from error
        for site, shape in expected.items():
            found = [tuple(values.shape) for values in seen[site]]
            if len(found) != 1:
                raise self._fail(f"{site} fires {len(found)} times in a pass instead of once")
            if found[0] != shape:
                raise self._fail(f"{site} is {list(found[0])} instead of {list(shape)}")

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        size = self._shape
        stream = (*self._ids.shape, size.d_model)
        heads = (*self._ids.shape, size.n_heads, size.d_head)
        shared = (*self._ids.shape, size.n_kv, size.d_head)
        square = (len(self._ids), size.n_heads, self._length, self._length)
        found = {self.sites.embed: stream, self.sites.resid_final: stream}
        for layer in self.sites.layers:
            found |= {layer.resid_pre: stream, layer.q: heads, layer.k: shared, layer.v: shared}
            found |= {layer.z: heads, layer.pattern: square}
            if layer.mlp_out is not None:
                found[layer.mlp_out] = stream
        return found

    def check_embedding(self) -> None:
        """Edits of the embedding reach the first layer."""
        site, first = self.sites.embed, self.sites.layers[0].resid_pre
        one, other = (self._last({site: _random(number)}, first)[0] for number in (1, 2))
        if torch.equal(one, other):
            raise self._dead(site, first)

    def _dead(self, site: str, watched: str) -> ModelError:
        return self._fail(f"an edit at {site} does not reach {watched}")

    def check_layer(self, layer: int) -> bool:
        """Check a layer's required sites; whether its scores and pattern are live as well.

        All sites are overwritten in every pass, and one of them otherwise than in the first pass:
        that one alone can be why what is computed next differs.
        """
        sites, after = self.sites.layers[layer], self.sites.stream_after(layer)
        reached = {sites.v: sites.z, sites.z: after}
        if sites.mlp_out is not None:
            reached[sites.mlp_out] = after
        if self._length > 1:
            # One position attends to itself whatever the queries and keys are.
            reached = {sites.q: sites.pattern, sites.k: sites.pattern, **reached}
        edits = {site: _random(1) for site in reached}
        watched = list(dict.fromkeys(reached.values()))
        base = dict(zip(watched, self._last(edits, *watched), strict=True))
        for site, target in reached.items():
            [found] = self._last({**edits, site: _random(2)}, target)
            if not torch.equal(found, base[target]):
                continue
            if site == sites.z and self._attention_writes_nothing(sites, after):
                continue
            raise self._dead(site, target)
        return self._length > 1 and self._scores_are_live(sites, edits, base)

    def _scores_are_live(
        self, sites: LayerSites, edits: Mapping[str, Edit], base: Mapping[str, torch.Tensor]
    ) -> bool:
        assert sites.scores is not None
        for site, target in ((sites.scores, sites.pattern), (sites.pattern, sites.z)):
            with warnings.catch_warnings():
                # TransformerLens warns that an edit of dead scores is lost: what is to be found.
                warnings.filterwarnings(
                    "ignore", r"A hook on \S*hook_attn_scores returned a modified"
                )
                try:
                    [found] = self._last({**edits, site: _plus_random}, target)
                except KeyError:
                    return False
            if torch.equal(found, base[target]):
                return False
        return True

    def _attention_writes_nothing(self, sites: LayerSites, after: str) -> bool:
        """Whether attention adds no more than a constant: an output matrix of zero, as models
        made by hand have. Values reach the stream through the same matrix, whether `z` is live
        or not."""
        silent = self._silent(sites)
        one, other = (self._last({sites.v: _random(n), **silent}, after)[0] for n in (1, 2))
        return torch.equal(one, other)

    def _silent(self, sites: LayerSites) -> dict[str, Edit]:
        """Without what the layer's MLP writes."""
        return {} if sites.mlp_out is None else {sites.mlp_out: torch.zeros_like}

    def check_wiring(self, layer: int, *, native: bool) -> None:
        """Separable heads, and the MLP before or after its layer's attention."""
        sites, after = self.sites.layers[layer], self.sites.stream_after(layer)
        watched = [after] if sites.mlp_out is None else [sites.mlp_out, after]
        plain, once, twice = (
            self._last({sites.z: _on_one_head(scale), **self._silent(sites)}, *watched)
            for scale in (0.0, 1.0, 2.0)
        )
        bend = (twice[-1].double() - 2 * once[-1].double() + plain[-1].double()).abs().max()
        most = TOLERANCES[plain[-1].dtype] * twice[-1].double().abs().max()
        if self._shape.separable_heads and bend > most:
            raise self._fail(
                f"heads of layer {layer} do not add up in the stream (a norm follows them), so "
                "they cannot be told apart"
            )
        if sites.mlp_out is None:
            return
        seen = not torch.equal(plain[0], once[0])
        written = not torch.equal(plain[1], once[1])
        if self._shape.parallel and seen:
            raise self._fail(f"the MLP of layer {layer} reads its attention, unlike a parallel one")
        if not self._shape.parallel and not seen and written and not native:
            raise self._fail(
                f"the MLP of layer {layer} does not read its attention, unlike a sequential one"
            )
