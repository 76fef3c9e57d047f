"""`model=`: the shape of a model, by whatever names it.

gpt2                a file of conf/model
12x12               layers x heads, with MLPs
2x8-attn_only       ... and what is special: attn_only, parallel
"""

from __future__ import annotations

import re
from typing import Any

from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.model.source import source_of

_SIZES = re.compile(r"([0-9]{1,3})x([0-9]{1,3})((?:-(?:attn_only|parallel))*)")
EXPERIMENT = "induction_random"
N_CTX = 1_000_000
"""Positions of a model that is given by its sizes: any."""


def shape_of(model: Any) -> ModelShape:
    """Raises ModelError where nothing says it, ConfigError for an unknown name."""
    if isinstance(model, ModelShape):
        return model
    if isinstance(model, Graph):
        return model.shape
    if isinstance(model, ModelConfig):
        return _of_config(model, type(model).__name__)
    if isinstance(model, str):
        return _of_sizes(model) or _of_name(model, ())
    shape = getattr(model, "shape", None)
    if isinstance(shape, ModelShape):
        return shape
    raise ModelError(
        f"model: {model!r} has no shape. Expected a name of conf/model, sizes such as 12x12 "
        "(layers x heads), a model config, or a loaded model"
    )


def named_shape(name: str, overrides: tuple[str, ...] = ()) -> ModelShape:
    """Of a name or sizes, with fields changed as on the command line."""
    sizes = _of_sizes(name)
    if sizes is not None and not overrides:
        return sizes
    return _of_name(name, overrides)


def _of_sizes(text: str) -> ModelShape | None:
    found = _SIZES.fullmatch(text)
    if found is None:
        return None
    n_layers, n_heads = int(found[1]), int(found[2])
    if not n_layers or not n_heads:
        raise ModelError(f'model: "{text}" needs at least one layer and one head')
    special = found[3].split("-")
    return ModelShape(
        n_layers,
        n_heads,
        d_model=n_heads,
        d_head=1,
        d_vocab=1,
        n_ctx=N_CTX,
        attn_only="attn_only" in special,
        parallel="parallel" in special,
    )


def _of_name(name: str, overrides: tuple[str, ...]) -> ModelShape:
    # Composing takes a whole experiment: any will do whose data need no file.
    from pathpatch_runner.cli.compose import compose

    return _of_config(compose(EXPERIMENT, f"model={name}", *overrides).model, name)


def _of_config(config: ModelConfig, name: str) -> ModelShape:
    shape = source_of(config, seed=0).shape
    if shape is None:
        raise ModelError(
            f"model: the shape of {name} is not known before it is loaded (a hub model that was "
            "never downloaded, or a file of weights). Say its sizes: model=12x12 (layers x heads)"
        )
    return shape
