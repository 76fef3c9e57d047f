"""The weights of a GGUF file, as a bridge around the Hugging Face model of the same architecture.

Names and permutations of weights are those that the transformers library knows. Its own loader
parses the file anew for config, weights and tokenizer, for half a minute each with a vocabulary of
50,000; here the header is parsed once, by us, and the library is asked only for architectures that
`gguf_header` does not read.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pathpatch_runner.model.architecture import hugging_face_config
from pathpatch_runner.model.gguf_header import READ_HERE, GgufHeader, TensorInfo
from pathpatch_runner.model.pretrained import bridge_of_tensors, pretrained_bridge
from pathpatch_runner.model.quiet import quiet
from pathpatch_runner.model.tokenizer import pretrained_tokenizer


def gguf_bridge(path: Path, header: GgufHeader, shown: str, dtype: torch.dtype) -> Any:
    """A bridge with the weights of a file. Raises what the libraries raise, and ModelError."""
    if header.architecture not in READ_HERE:
        options = {"gguf_file": path.name, "local_files_only": True, "use_safetensors": None}
        return pretrained_bridge(str(path.parent), shown, dtype, options)
    config = _config(header)
    with quiet():
        tensors = _tensors(path, header, config, dtype)
    return bridge_of_tensors(config, tensors, shown, dtype)


def gguf_tokenizer(path: Path, header: GgufHeader) -> Any:
    """The tokenizer of a file, of the transformers library."""
    options = {"gguf_file": path.name, "local_files_only": True}
    if header.architecture not in READ_HERE:
        return pretrained_tokenizer(str(path.parent), **options)
    from transformers import TOKENIZER_MAPPING, PreTrainedTokenizerFast

    # As `AutoTokenizer` chooses, which would parse the file once more for its config.
    kind: Any = PreTrainedTokenizerFast
    with contextlib.suppress(KeyError):
        kind = TOKENIZER_MAPPING[type(_config(header))] or kind
    return kind.from_pretrained(str(path.parent), **options)


def _config(header: GgufHeader) -> Any:
    """The Hugging Face config that the metadata say."""
    from transformers.modeling_gguf_pytorch_utils import GGUF_TO_TRANSFORMERS_MAPPING

    kind, metadata = header.architecture, header.metadata
    fields = {
        theirs: metadata[f"{kind}.{name}"]
        for name, theirs in GGUF_TO_TRANSFORMERS_MAPPING["config"][kind].items()
        if theirs is not None and f"{kind}.{name}" in metadata
    }
    fields["tie_word_embeddings"] = all(each.name != "output.weight" for each in header.tensors)
    fields.setdefault("vocab_size", len(metadata.get("tokenizer.ggml.tokens", ())))
    return hugging_face_config(kind, fields, "model.path")


def _tensors(
    path: Path, header: GgufHeader, config: Any, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """Dequantised tensors by Hugging Face's names."""
    from gguf.quants import dequantize
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor

    processor = TENSOR_PROCESSORS.get(header.architecture, TensorProcessor)(config=config.to_dict())
    names = _names(header, config, processor)
    data = np.memmap(path, mode="r", dtype=np.uint8, offset=header.data_start)
    found: dict[str, torch.Tensor] = {}
    for info in header.tensors:
        weights, kind = _stored(data, info)
        done = processor.process(
            weights=dequantize(weights, kind),
            name=info.name,
            tensor_key_mapping=names,
            parsed_parameters={"tensors": found, "config": config.to_dict()},
        )
        if done.name in names:
            found[names[done.name]] = torch.from_numpy(np.copy(done.weights)).to(dtype)
    return found


def _names(header: GgufHeader, config: Any, processor: Any) -> dict[str, str]:
    """Name of a tensor in the file -> its name in the Hugging Face model.

    The library's own function of this makes the table of all names anew for every module.
    """
    from gguf import MODEL_ARCH_NAMES, get_tensor_name_map
    from transformers import AutoModelForCausalLM

    [kind] = [each for each, name in MODEL_ARCH_NAMES.items() if name == header.architecture]
    table = get_tensor_name_map(kind, config.num_hidden_layers)
    with torch.device("meta"):
        theirs = AutoModelForCausalLM.from_config(config).state_dict()
    found: dict[str, str] = {}
    for name in map(processor.preprocess_name, theirs):
        stem, dot, kind_of = name.rpartition(".")
        known = table.get_name(stem)
        if known is not None:
            found[known + dot + kind_of] = name
    return found


def _stored(data: Any, info: TensorInfo) -> tuple[Any, Any]:
    """A tensor as it is stored, as the gguf package takes it, and its type."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import quant_shape_to_byte_shape

    kind = GGMLQuantizationType(info.type)
    block, size = GGML_QUANT_SIZES[kind]
    stored = data[info.offset : info.offset + math.prod(info.shape) // block * size]
    plain = {GGMLQuantizationType.F32: np.float32, GGMLQuantizationType.F16: np.float16}
    if kind in plain:
        return stored.view(plain[kind]).reshape(info.shape), kind
    return stored.reshape(quant_shape_to_byte_shape(info.shape, kind)), kind
