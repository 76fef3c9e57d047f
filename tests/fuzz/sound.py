"""One sound file of every kind that is read, small enough to be malformed everywhere."""

from __future__ import annotations

import json
import struct
from typing import Any

PAIR: dict[str, Any] = {
    "clean": [1, 2, 3],
    "corrupt": [1, 4, 3],
    "answer": [5],
    "distractor": 6,
    "positions": {"S": 1},
    "id": "a",
}
PROMPTS: dict[str, Any] = {
    "prompts": [{"clean": "a b", "corrupt": "a c", "answers": [" d"], "wrong_answers": [" e"]}],
    "word_idxs": {"S": 1},
}
CSV = b'clean,corrupted,correct_idx,incorrect_idx\n"a b","a c",1,2\n"d e","d f","[3, 4]",5\n'
TEMPLATE: dict[str, Any] = {
    "templates": ["Then,{A} and{B} went.{S} gave to"],
    "words": {"name": [" Mary", " John", " Tom"]},
    "slots": {"A": "name", "B": "name", "S": "=A"},
    "answer": "{B}",
    "distractor": "{A}",
    "corruptions": {"other": {"S": "=B"}},
}
PATHS: dict[str, Any] = {
    "format": "pathpatch-paths",
    "about": {"model": "m"},
    "paths": [{"path": "m0->logits", "effect": 0.5, "n": 8, "n_paths": "1"}],
}
GRAPH: dict[str, Any] = {
    "cfg": {"n_layers": 2, "n_heads": 0, "parallel_attn_mlp": True, "d_model": 4},
    "nodes": {name: {"in_graph": True} for name in ("input", "m0", "m1", "logits")},
    "edges": {
        name: {"score": 0.5, "in_graph": True}
        for name in (
            "input->m0", "input->m1", "m0->m1", "input->logits", "m0->logits", "m1->logits"
        )
    },
}  # fmt: skip
EDGES = b"input->m0\nm0->m1\nm1->logits\n"
PUBLISHED: dict[str, Any] = {
    "golden": {"runs": [{"experiment": "micro"}]},
    "claims": [
        {
            "id": "one",
            "experiment": "micro",
            "where": {"path_id": "skip", "direction": "denoising"},
            "column": "clean",
            "value": 25,
            "tolerance": 0,
            "source": "by hand",
        }
    ],
}
CONFIG = b"""# @package _global_
defaults: [override /model: native, override /dataset: jsonl]
experiment: my
model: {config: {n_layers: 2, n_heads: 2}}
hypotheses: {h: {paths: {p: {expr: "a0.h0 -> logits", over: &x {s: "a*.h*"}}, q: *x}}}
"""
METADATA: dict[str, Any] = {
    "general.architecture": "llama",
    "general.alignment": 32,
    "llama.block_count": 2,
    "llama.attention.head_count": 4,
    "llama.embedding_length": 16,
    "llama.context_length": 32,
    "llama.feed_forward_length": 24,
    "tokenizer.ggml.tokens": ["a", "b"],
}


def gguf(metadata: dict[str, Any]) -> bytes:
    """A GGUF header with these keys and one tensor."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, 1, len(metadata))]
    for key, value in metadata.items():
        parts += [_text(key), _value(value)]
    parts += [_text("token_embd.weight"), struct.pack("<IQQIQ", 2, 16, 2, 0, 0)]
    return b"".join(parts)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<Iq", 11, max(-(2**63), min(value, 2**63 - 1)))
    if isinstance(value, float):
        return struct.pack("<Id", 12, value)
    if isinstance(value, list):
        texts = [_text(str(each)) for each in value]
        return struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(texts)
    return struct.pack("<I", 8) + _text(str(value))


TENSORS: dict[str, Any] = {
    "__metadata__": {"format": "pt"},
    "embed.W_E": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
}


def safetensors(header: Any) -> bytes:
    """A safetensors file with this header and 24 bytes of data."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(24)
