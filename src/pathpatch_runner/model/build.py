"""A TransformerBridge for every kind of model, with raw weights (`weights`: of native ones).

No network call is made for files that are at hand; Hugging Face models use eager attention, so
that the hooks inside it are live.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping
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
from pathpatch_runner.model.files import (
    cached_first,
    explained,
    gguf_file,
    native_fields,
)
from pathpatch_runner.model.legacy import (
    is_legacy,
    legacy_config,
    legacy_fields,
    legacy_weights,
)
from pathpatch_runner.model.shape import random_config, shape_of_fields
from pathpatch_runner.model.weights import listed, load_native_weights


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the progress messages of the libraries that load models: they say nothing that a
    user of this program can act on, and what they only log of missing weights is an error here."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(previous)


def build_bridge(config: ModelConfig, seed: int, device: torch.device, dtype: torch.dtype) -> Any:
    """The bridge of a config, on `device`, in `dtype`."""
    with quiet(), seeded(seed):
        if isinstance(config, NativeModelConfig):
            bridge = _native(config, seed, dtype)
        elif isinstance(config, RandomModelConfig):
            bridge = _random(config, seed, dtype)
        elif isinstance(config, LocalModelConfig):
            options: dict[str, Any] = {"local_files_only": True}
            bridge = _hugging_face(config.path, Path(config.path).name, dtype, options)
        elif isinstance(config, GgufModelConfig):
            file = gguf_file(config)
            options = {"gguf_file": file.name, "local_files_only": True}
            bridge = _hugging_face(str(file.parent), file.stem, dtype, options)
        else:
            assert isinstance(config, HubModelConfig)
            bridge = _hub(config, dtype)
        return bridge.to(device=device, dtype=dtype)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random weights that depend on the seed alone; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _native(config: NativeModelConfig, seed: int, dtype: torch.dtype) -> Any:
    fields = native_fields(config)
    bridge = _booted(fields, seed)
    if config.weights is not None:
        # First, or weights in float64 would be rounded to the float32 they are copied into.
        bridge.to(dtype=dtype)
        load_native_weights(bridge, shape_of_fields(fields), Path(config.weights))
    return bridge


def _booted(fields: Mapping[str, Any], seed: int) -> Any:
    """A native bridge of TransformerBridgeConfig fields, with random weights."""
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge import TransformerBridge

    from pathpatch_runner.model import shortformer

    allowed = _bridge_fields(TransformerBridgeConfig)
    unknown = [name for name in fields if name not in allowed]
    if unknown:
        raise ModelError(
            f'model.config: unknown field "{unknown[0]}".{did_you_mean(unknown[0], allowed)} '
            "Fields are those of TransformerLens' TransformerBridgeConfig"
        )
    shape_of_fields(fields)
    positions = fields.get("positional_embedding_type")
    boot = TransformerBridge.boot_native
    if positions == shortformer.KIND:
        boot = shortformer.boot_shortformer
    with seeded(seed):
        try:
            return boot(TransformerBridgeConfig(**fields))
        except (ValueError, TypeError, NotImplementedError, AssertionError) as error:
            raise ModelError(f"model.config: no such native model: {error}") from error


def _bridge_fields(config_class: Any) -> set[str]:
    import inspect

    found: set[str] = set()
    for part in config_class.__mro__[:-1]:
        found |= set(inspect.signature(part).parameters)
    return found - {"self", "args", "kwargs"}


def _random(config: RandomModelConfig, seed: int, dtype: torch.dtype) -> Any:
    from transformers import AutoModelForCausalLM

    fields = random_config(config)
    fields._attn_implementation = "eager"
    with seeded(seed):
        try:
            model = AutoModelForCausalLM.from_config(fields, attn_implementation="eager")
        except (ValueError, RuntimeError, ZeroDivisionError) as error:
            raise ModelError(
                f'model: no causal language model "{config.architecture}" can be made from '
                f"model.config: {' '.join(str(error).split())[:300]}"
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


def _hub(config: HubModelConfig, dtype: torch.dtype) -> Any:
    if is_legacy(config):
        return _legacy(config, dtype)
    revision = {"revision": config.revision} if config.revision else {}
    with explained(config.name):
        return _bridged(
            cached_first(
                lambda local: _pretrained(
                    config.name, config.name, dtype, {**revision, "local_files_only": local}
                )
            )
        )


def _legacy(config: HubModelConfig, dtype: torch.dtype) -> Any:
    """A native bridge of a repository in TransformerLens' old format."""
    said = legacy_config(config, local=False)
    if said.get("architecture", "neel") != "neel" or "_old" in config.name:
        # Layouts that only TransformerLens converts. It asks the hub what files there are.
        from transformer_lens.model_bridge.sources.tl_legacy import boot

        with explained(config.name):
            return boot(config.name, device="cpu", dtype=dtype)
    fields = legacy_fields(config, said)
    bridge = _booted(fields, seed=0).to(dtype=dtype)
    load_native_weights(bridge, shape_of_fields(fields), legacy_weights(config))
    return bridge


def _hugging_face(name: str, shown: str, dtype: torch.dtype, options: dict[str, Any]) -> Any:
    with explained(shown, hub=False):
        model = _pretrained(name, shown, dtype, options)
    return _bridged(model)


@contextlib.contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Reading weights takes no time worth a bar; downloads keep theirs."""
    from transformers.utils import logging as library

    shown = library.is_progress_bar_enabled()
    library.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            library.enable_progress_bar()


def _pretrained(name: str, shown: str, dtype: torch.dtype, options: dict[str, Any]) -> Any:
    """A Hugging Face model, all of whose weights the files have."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        with _no_progress_bar():
            model, info = AutoModelForCausalLM.from_pretrained(
                name, dtype=dtype, attn_implementation="eager", output_loading_info=True, **options
            )
    except SafetensorError as error:
        raise ModelError(f'model: the weights of "{shown}" cannot be read: {error}') from error
    # Hugging Face fills what is missing with random numbers and only logs it.
    wrong = [f"{key} is missing" for key in sorted(info["missing_keys"])]
    wrong += [f"{key[0]} has another size" for key in sorted(info["mismatched_keys"])]
    if wrong:
        raise ModelError(f'model: the weights of "{shown}" are not complete: {listed(wrong)}')
    return model
