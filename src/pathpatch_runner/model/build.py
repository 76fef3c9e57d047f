"""A TransformerBridge for every kind of model, with raw weights.

No network call is made for files that are at hand; Hugging Face models use eager attention, so
that the hooks inside it are live.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from pathpatch_runner.config import (
    GgufModelConfig,
    HubModelConfig,
    LocalModelConfig,
    ModelConfig,
    NativeModelConfig,
    RandomModelConfig,
)
from pathpatch_runner.errors import ModelError, did_you_mean
from pathpatch_runner.model.files import gguf_file, native_fields, offline_unless_needed
from pathpatch_runner.model.shape import random_config, shape_of_fields

MOST_SHOWN = 8


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the progress messages and deprecation warnings of the libraries that load models:
    they say nothing that a user of this program can act on."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)


def build_bridge(
    config: ModelConfig, seed: int, device: torch.device, dtype: torch.dtype
) -> Any:
    """The bridge of a config, on `device`, in `dtype`."""
    with quiet():
        if isinstance(config, NativeModelConfig):
            bridge = _native(config, seed)
        elif isinstance(config, RandomModelConfig):
            bridge = _random(config, seed, dtype)
        elif isinstance(config, LocalModelConfig):
            bridge = _hugging_face(config.path, Path(config.path).name, dtype, {})
        elif isinstance(config, GgufModelConfig):
            file = gguf_file(config)
            bridge = _hugging_face(str(file.parent), file.stem, dtype, {"gguf_file": file.name})
        else:
            assert isinstance(config, HubModelConfig)
            options = {"revision": config.revision} if config.revision else {}
            bridge = _hugging_face(config.name, config.name, dtype, options)
        return bridge.to(device=device, dtype=dtype)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Random weights that depend on the seed alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _native(config: NativeModelConfig, seed: int) -> Any:
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge

    fields = native_fields(config)
    shape_of_fields(fields)
    allowed = _bridge_fields(TransformerBridgeConfig)
    unknown = [name for name in fields if name not in allowed]
    if unknown:
        raise ModelError(
            f'model.config: unknown field "{unknown[0]}".{did_you_mean(unknown[0], allowed)} '
            "Fields are those of TransformerLens' TransformerBridgeConfig"
        )
    with _seeded(seed):
        try:
            bridge = TransformerBridge.boot_native(TransformerBridgeConfig(**fields))
        except (ValueError, TypeError, NotImplementedError, AssertionError) as error:
            raise ModelError(f"model.config: no such native model: {error}") from error
    if config.weights is not None:
        _load_weights(bridge, Path(config.weights))
    return bridge


def _bridge_fields(config_class: Any) -> set[str]:
    import inspect

    found: set[str] = set()
    for part in config_class.__mro__[:-1]:
        found |= set(inspect.signature(part).parameters)
    return found - {"self", "args", "kwargs"}


def _load_weights(bridge: Any, path: Path) -> None:
    """Load safetensors in TransformerLens names; all misfits are one error."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from transformer_lens.utilities.tl_checkpoint_conversion import convert_tl_checkpoint

    if not path.is_file():
        raise ModelError(f'model.weights: no file "{path}"')
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ModelError(f'model.weights: "{path}" is not a safetensors file: {error}') from error
    model = bridge.original_model
    try:
        found = convert_tl_checkpoint(tensors, bridge.cfg)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f'model.weights: "{path}" does not fit the config: {error}. Names and shapes are '
            "TransformerLens' (blocks.0.attn.W_Q [n_heads, d_model, d_head], ...)"
        ) from error
    expected = model.state_dict()
    wrong = [f"{name}: missing" for name in expected if name not in found]
    wrong += [f"{name}: not in the model" for name in found if name not in expected]
    wrong += [
        f"{name}: {list(found[name].shape)} in the file, {list(tensor.shape)} in the model"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if wrong:
        more = f"; and {len(wrong) - MOST_SHOWN} more" if len(wrong) > MOST_SHOWN else ""
        raise ModelError(
            f'model.weights: "{path}" does not fit the config: '
            f"{'; '.join(wrong[:MOST_SHOWN])}{more}. Check model.config against the weights"
        )
    model.load_state_dict(found)


def _random(config: RandomModelConfig, seed: int, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    fields = random_config(config)
    fields._attn_implementation = "eager"
    with _seeded(seed):
        try:
            model = AutoModelForCausalLM.from_config(fields, attn_implementation="eager")
        except ValueError as error:
            raise ModelError(
                f'model.architecture: "{config.architecture}" is not a causal language model'
            ) from error
    return _bridged(model.to(dtype))


def _bridged(model: Any) -> Any:
    """A bridge around a Hugging Face model, with neither hub nor tokenizer."""
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    architecture = type(model).__name__
    try:
        return build_bridge_from_module(model, architecture, hf_config=model.config)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise ModelError(
            f'model: TransformerLens has no bridge for architecture "{architecture}": {error}'
        ) from error


def _hugging_face(name: str, shown: str, dtype: torch.dtype, options: dict[str, Any]) -> Any:
    from transformers import AutoModelForCausalLM

    with offline_unless_needed(shown):
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=dtype, attn_implementation="eager", **options
        )
    return _bridged(model)
