"""Bridges around Hugging Face models: with the weights of files, or random ones.

Eager attention, so that the hooks inside it are live. Hugging Face builds a model without memory
for its parameters and gives it the tensors of the file; only `random` models are initialised.
Remote code is never run: `trust_remote_code` stays off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.quiet import NoRandomWeights, quiet, seeded
from pathpatch_runner.model.weights import listed


def pretrained_bridge(name: str, shown: str, dtype: torch.dtype, options: Mapping[str, Any]) -> Any:
    """A bridge around a model of the hub or of a directory, all of whose weights the files have.
    `shown`: how messages call it. Raises what the library raises, and ModelError."""
    from transformers import AutoModelForCausalLM

    with quiet(), NoRandomWeights():
        return bridge_around(
            _complete(
                shown,
                lambda: AutoModelForCausalLM.from_pretrained(
                    name,
                    dtype=dtype,
                    attn_implementation="eager",
                    use_safetensors=True,
                    output_loading_info=True,
                    **options,
                ),
            )
        )


def bridge_of_tensors(
    config: Any, tensors: dict[str, torch.Tensor], shown: str, dtype: torch.dtype
) -> Any:
    """A bridge around the architecture of a Hugging Face config, with tensors by its names."""
    from transformers import AutoModelForCausalLM

    with quiet(), NoRandomWeights():
        architecture = AutoModelForCausalLM._model_mapping[type(config)]
        return bridge_around(
            _complete(
                shown,
                lambda: architecture.from_pretrained(
                    None,
                    config=config,
                    state_dict=tensors,
                    dtype=dtype,
                    attn_implementation="eager",
                    output_loading_info=True,
                ),
            )
        )


def random_bridge(config: Any, architecture: str, seed: int, dtype: torch.dtype) -> Any:
    """A bridge around an architecture with random weights."""
    from transformers import AutoModelForCausalLM

    config._attn_implementation = "eager"
    with quiet(), seeded(seed):
        try:
            model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        except (ValueError, RuntimeError, ZeroDivisionError, TypeError) as error:
            raise ModelError(
                f'model: no causal language model "{architecture}" can be made from '
                f"model.config: {' '.join(str(error).split())[:300]}"
            ) from error
        return bridge_around(model.to(dtype))


def bridge_around(model: Any) -> Any:
    """A bridge around a Hugging Face model, with neither hub nor tokenizer."""
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    architecture = type(model).__name__
    try:
        return build_bridge_from_module(model, architecture, hf_config=model.config)
    except (ValueError, KeyError, NotImplementedError) as error:
        raise ModelError(
            f'model: TransformerLens has no bridge for architecture "{architecture}": {error}'
        ) from error


def _complete(shown: str, load: Any) -> Any:
    """A Hugging Face model, all of whose weights were there. `load` -> (model, loading info)."""
    from safetensors import SafetensorError

    try:
        with _no_progress_bar():
            model, info = load()
    except SafetensorError as error:
        raise ModelError(f'model: the weights of "{shown}" cannot be read: {error}') from error
    # Hugging Face fills what is missing with random numbers and only logs it.
    wrong = [f"{key} is missing" for key in sorted(info["missing_keys"])]
    wrong += [f"{key[0]} has another size" for key in sorted(info["mismatched_keys"])]
    if wrong:
        raise ModelError(f'model: the weights of "{shown}" are not complete: {listed(wrong)}')
    return model


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
