"""Proof, on random tokens, that a model is what its shape says and that its hooks are live.

A hook that never fires, or whose edit changes nothing, gives silently wrong results. So each site
must fire once in a pass, with the expected shape, and random values written there must reach what
is computed from it: queries and keys the pattern, values `z`, `z` and MLPs the stream. What a site
is written together with is random too, so that weights of zero do not look like a dead hook.

Wiring: a parallel MLP must not see its layer's attention, a sequential one must; heads that count
as separable must add to the stream linearly, without a norm in between.
"""

from __future__ import annotations

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
    probe.check_live("hook_embed", probe.sites.layers[0].resid_pre)
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


def _plus(edit: Edit, scale: float = 1.0) -> Edit:
    return lambda values: values + scale * edit(values)


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
        self, edits: Mapping[str, Edit], watched: Sequence[str]
    ) -> dict[str, list[torch.Tensor]]:
        """A pass with edits; every value that each watched site then saw."""
        seen: dict[str, list[torch.Tensor]] = {site: [] for site in watched}

        def hook_at(site: str) -> Hook:
            def hook(values: torch.Tensor, hook: Any) -> torch.Tensor:
                del hook
                edited = edits[site](values.clone()) if site in edits else values
                if site in seen:
                    seen[site].append(edited.clone())
                return edited

            return hook

        names = dict.fromkeys([*edits, *watched])
        self._forward(self._ids, [(site, hook_at(site)) for site in names])
        return seen

    def _fail(self, what: str) -> ModelError:
        return ModelError(
            f'model "{self._name}": {what}. TransformerLens\' bridge of this architecture does not '
            "offer what path patching needs; use another model"
        )

    def count(self) -> None:
        """Every site of every layer fires once and has the expected shape."""
        expected = self._shapes()
        try:
            seen = self._run({}, list(expected))
        except (KeyError, AttributeError, ValueError) as error:
            raise self._fail(f"a hook is missing: {error}") from error
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

    def _differ(self, one: Mapping[str, Edit], other: Mapping[str, Edit], watched: str) -> bool:
        first, second = (self._run(edits, [watched])[watched] for edits in (one, other))
        # A dead hook leaves exactly the same computation behind.
        return bool(first) and bool(second) and not torch.equal(first[0], second[0])

    def check_live(self, site: str, watched: str, beside: str | None = None) -> None:
        """Two different values at a site, all else equal, are told apart at `watched`."""
        fixed = {} if beside is None else {beside: _random(3)}
        if not self._differ({site: _random(1), **fixed}, {site: _random(2), **fixed}, watched):
            raise self._fail(f"an edit at {site} does not reach {watched}")

    def check_layer(self, layer: int) -> bool:
        """Check a layer's required sites; whether its scores and pattern are live as well."""
        sites, after = self.sites.layers[layer], self.sites.stream_after(layer)
        self.check_live(sites.v, sites.z)
        if not self._writes_nothing(sites, after):
            self.check_live(sites.z, after)
        if sites.mlp_out is not None:
            self.check_live(sites.mlp_out, after)
        if self._length < 2:
            # One position attends to itself whatever the queries and keys are.
            return False
        self.check_live(sites.q, sites.pattern, beside=sites.k)
        self.check_live(sites.k, sites.pattern, beside=sites.q)
        assert sites.scores is not None
        values: dict[str, Edit] = {sites.v: _random(3)}
        edit = _plus(_random(1))
        with warnings.catch_warnings():
            # TransformerLens warns that an edit of dead scores is lost: what is to be found out.
            warnings.filterwarnings("ignore", r"A hook on \S*hook_attn_scores returned a modified")
            try:
                scores = self._differ({}, {sites.scores: edit}, sites.pattern)
            except KeyError:
                return False
        return scores and self._differ(values, {sites.pattern: edit, **values}, sites.z)

    def _writes_nothing(self, sites: LayerSites, after: str) -> bool:
        """Whether attention adds no more than a constant: an output matrix of zero, as models
        made by hand have. Then its input need not matter, and no edit can show that it does."""
        silent: dict[str, Edit] = {} if sites.mlp_out is None else {sites.mlp_out: torch.zeros_like}
        # The values reach the stream through the same matrix, whether or not `z` is live.
        return not self._differ(
            {sites.v: _random(1), **silent}, {sites.v: _random(2), **silent}, after
        )

    def check_wiring(self, layer: int, *, native: bool) -> None:
        """Separable heads, and the MLP before or after its layer's attention."""
        sites, after = self.sites.layers[layer], self.sites.stream_after(layer)
        noise = _random(1)

        def on_one_head(scale: float) -> Edit:
            def edit(z: torch.Tensor) -> torch.Tensor:
                change = torch.zeros_like(z)
                change[:, :, 0] = noise(z)[:, :, 0] * (1 + 4 * z.abs().max()) * scale
                return z + change

            return edit

        silent: dict[str, Edit] = {} if sites.mlp_out is None else {sites.mlp_out: torch.zeros_like}
        stream, once, twice = (
            self._run({sites.z: on_one_head(scale), **silent}, [after])[after][0].double()
            for scale in (0.0, 1.0, 2.0)
        )
        tolerance = TOLERANCES[self._run({}, [after])[after][0].dtype]
        bend = (twice - 2 * once + stream).abs().max()
        if self._shape.separable_heads and bend > tolerance * twice.abs().max():
            raise self._fail(
                f"heads of layer {layer} do not add up in the stream (a norm follows them), so "
                "they cannot be told apart"
            )
        if sites.mlp_out is None:
            return
        seen = self._differ({}, {sites.z: on_one_head(1.0)}, sites.mlp_out)
        if self._shape.parallel and seen:
            raise self._fail(f"the MLP of layer {layer} reads its attention, unlike a parallel one")
        if not self._shape.parallel and not seen and not native and not torch.equal(stream, once):
            raise self._fail(
                f"the MLP of layer {layer} does not read its attention, unlike a sequential one"
            )
