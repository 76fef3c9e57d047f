"""Load a model: a bridge in evaluation mode, its shape, its live hook points, its tokenizer."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from pathpatch_runner.config import Dtype, WeightProcessing
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.architecture import known_wiring, sized
from pathpatch_runner.model.hook_points import HookPoints, named_hook_points
from pathpatch_runner.model.move import moved
from pathpatch_runner.model.probe import probe
from pathpatch_runner.model.quiet import quiet, seeded
from pathpatch_runner.model.shape import shape_of_fields
from pathpatch_runner.model.source import ModelSource
from pathpatch_runner.model.tokenizer import Tokenizer
from pathpatch_runner.model.trials import Hook
from pathpatch_runner.model.wiring import Probed, Wiring

DTYPES = {
    Dtype.float64: torch.float64,
    Dtype.float32: torch.float32,
    Dtype.bfloat16: torch.bfloat16,
    Dtype.float16: torch.float16,
}


@dataclass
class _PassCount:
    purpose: str = "other"
    passes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to be patched. `probed`: what the probe saw, now or when it was kept."""

    bridge: Any
    shape: ModelShape
    name: str
    digest: str
    tokenizer: Tokenizer | None
    device: torch.device
    dtype: torch.dtype
    hook_points: HookPoints
    probed: Probed
    _count: _PassCount = field(default_factory=_PassCount, repr=False, compare=False)

    @property
    def passes(self) -> Counter[str]:
        """Forward passes made so far, by what they were for (`counting`)."""
        return self._count.passes

    @contextmanager
    def counting(self, purpose: str) -> Iterator[None]:
        """Forward passes inside count as being for `purpose`, unless a purpose has been said
        further out already: a proof's plain runs are for the proof."""
        before = self._count.purpose
        self._count.purpose = purpose if before == "other" else before
        try:
            yield
        finally:
            self._count.purpose = before

    def count_pass(self) -> None:
        """One more forward pass, for the purpose at hand."""
        self._count.passes[self._count.purpose] += 1

    def forward(self, ids: torch.Tensor, hooks: list[tuple[str, Hook]]) -> torch.Tensor:
        """Logits [batch, pos, d_vocab] of token ids [batch, pos], with hooks that are removed
        whatever happens. The ids are taken as they are: nothing is prepended, padded or masked."""
        self.count_pass()
        return forward(self.bridge, ids, hooks)


def forward(bridge: Any, ids: torch.Tensor, hooks: list[tuple[str, Hook]]) -> torch.Tensor:
    """`LoadedModel.forward` for a bridge alone. Hooks that were on it before stay."""
    with torch.no_grad():
        logits = bridge.run_with_hooks(
            ids,
            fwd_hooks=hooks,
            return_type="logits",
            prepend_bos=False,
            # Without a mask of its own the bridge masks tokens that equal the padding token.
            attention_mask=torch.ones_like(ids),
        )
    assert isinstance(logits, torch.Tensor)
    return logits


def device_of(name: str) -> torch.device:
    """The torch device of `runtime.device`; `auto` is cuda where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        available = ["auto", "cpu"]
        available += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        raise ModelError(
            f'runtime.device: "{name}" is not available here. Available: {", ".join(available)}'
        ) from error
    return device


def load_model(source: ModelSource, device: str, probed: Probed | None = None) -> LoadedModel:
    """Load a model. `probed`: what a probe of the same model, versions and device saw before;
    None probes now.

    A borrowed model (`source.borrowed`) stays on its device, and must be in evaluation mode:
    load and use it inside `source.in_use()`. Raises ModelError for everything that a user can mend.
    """
    bridge = _borrowed(source) if source.borrowed else _own(source, device_of(device))
    weight = next(bridge.parameters())
    tokenizer, name = source.tokenizer, source.name
    count = _PassCount()
    sizes = _sizes(bridge, Wiring())
    if probed is None:
        probed = _probe(bridge, sizes, name, weight.device, count)
    shape = _shape(bridge, source.shape, probed, name)
    return LoadedModel(
        bridge=bridge,
        shape=shape,
        name=name,
        digest=source.digest,
        tokenizer=tokenizer,
        device=weight.device,
        dtype=weight.dtype,
        hook_points=named_hook_points(shape, scores=probed.scores),
        probed=probed,
        _count=count,
    )


def _own(source: ModelSource, device: torch.device) -> Any:
    """A bridge with weights of our own: on the device, processed, fixed, in evaluation mode."""
    config = source.config
    dtype = DTYPES[config.dtype]
    # Said each time: another library may have asked for it.
    torch.backends.cuda.matmul.allow_tf32 = config.tf32
    torch.backends.cudnn.allow_tf32 = config.tf32
    _check_dtype(dtype, device)
    bridge = moved(source.bridge(dtype), device, dtype)
    if config.weight_processing is WeightProcessing.compatibility:
        _check_foldable(bridge, source.name)
        with quiet(), seeded(source.seed):
            bridge.enable_compatibility_mode()
    for parameter in bridge.parameters():
        parameter.requires_grad_(False)
    bridge.eval()
    return bridge


def _borrowed(source: ModelSource) -> Any:
    bridge = source.bridge(DTYPES[source.config.dtype])
    assert not any(module.training for module in bridge.modules()), "use it inside in_use()"
    return bridge


def _probe(
    bridge: Any, sizes: ModelShape, name: str, device: torch.device, count: _PassCount
) -> Probed:
    def run(ids: torch.Tensor, hooks: list[tuple[str, Hook]]) -> torch.Tensor:
        count.passes["probe"] += 1
        return forward(bridge, ids, hooks)

    return probe(run, sizes, name, device, next(bridge.parameters()).dtype)


def _sizes(bridge: Any, wiring: Wiring) -> ModelShape:
    """The sizes of a loaded bridge, from the config of the model inside it; of a Hugging Face
    model with the wiring given."""
    inner = bridge.original_model
    if hasattr(inner, "config"):
        return sized(inner.config, wiring)
    return shape_of_fields(vars(inner.cfg))


def _shape(bridge: Any, said: ModelShape | None, probed: Probed, name: str) -> ModelShape:
    """The shape of a loaded bridge, which the probe has seen and plans are made for."""
    inner = bridge.original_model
    is_native = not hasattr(inner, "config")
    known = Wiring() if is_native else known_wiring(inner.config)
    found = _sizes(bridge, known or probed.wiring(name))
    if known is not None:
        probed.check(found, name, by_hand=is_native)
    if said is not None and said != found:
        differ = [
            f"{each.name} {getattr(said, each.name)} and {getattr(found, each.name)}"
            for each in dataclasses.fields(ModelShape)
            if getattr(said, each.name) != getattr(found, each.name)
        ]
        raise ModelError(
            f'model "{name}": its config and the loaded model disagree: {", ".join(differ)}. '
            "Check the config against the weights"
        )
    return found


def _check_foldable(bridge: Any, name: str) -> None:
    if hasattr(bridge.original_model, "positions"):
        raise ModelError(
            f'model "{name}": weight_processing=compatibility would fold its norms into queries '
            "and keys, past the positions added between them. Use weight_processing=none"
        )


def _check_dtype(dtype: torch.dtype, device: torch.device) -> None:
    try:
        one = torch.ones(2, 2, dtype=dtype, device=device)
        torch.softmax(one @ one, -1)
    except (RuntimeError, TypeError) as error:
        allowed = ", ".join(member.value for member in Dtype if DTYPES[member] != dtype)
        raise ModelError(
            f"model.dtype: {str(dtype).removeprefix('torch.')} cannot be used on {device}. "
            f"Others: {allowed}; float32 works everywhere"
        ) from error
