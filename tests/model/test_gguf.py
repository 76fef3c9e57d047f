"""GGUF files written for the tests: the header, the shape, weights equal to the library's own
loading, and files that are broken."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pathpatch_runner.config import Dtype
from pathpatch_runner.errors import ModelError
from pathpatch_runner.graph import ModelShape
from pathpatch_runner.model.gguf import GgufModel, GgufModelConfig
from pathpatch_runner.model.gguf_header import read_header
from pathpatch_runner.model.load import load_model

gguf = pytest.importorskip("gguf")

N_LAYERS, D_MODEL, D_MLP, D_VOCAB, N_HEADS, N_KV = 2, 64, 96, 40, 4, 2
D_HEAD = D_MODEL // N_HEADS
SHAPES = {
    "attn_norm": (D_MODEL,),
    "attn_q": (D_MODEL, D_MODEL),
    "attn_k": (N_KV * D_HEAD, D_MODEL),
    "attn_v": (N_KV * D_HEAD, D_MODEL),
    "attn_output": (D_MODEL, D_MODEL),
    "ffn_norm": (D_MODEL,),
    "ffn_gate": (D_MLP, D_MODEL),
    "ffn_up": (D_MLP, D_MODEL),
    "ffn_down": (D_MODEL, D_MLP),
}
QUANTISED = ("attn_q", "ffn_up")
IDS = torch.tensor([[3, 1, 4, 1, 5, 39]])


def write(path: Path, merge: str = "! #") -> Path:
    """A Llama of two layers, some of it quantised to eight bits."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(32)
    writer.add_block_count(N_LAYERS)
    writer.add_embedding_length(D_MODEL)
    writer.add_feed_forward_length(D_MLP)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(N_KV)
    writer.add_rope_dimension_count(D_HEAD)
    writer.add_rope_freq_base(500.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*(chr(ord("!") + i) for i in range(D_VOCAB - 1)), "!#"])
    writer.add_token_merges([merge])
    writer.add_token_types([1] * D_VOCAB)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    rng = np.random.default_rng(0)
    names = {"token_embd": (D_VOCAB, D_MODEL), "output_norm": (D_MODEL,)}
    names |= {f"blk.{i}.{name}": size for i in range(N_LAYERS) for name, size in SHAPES.items()}
    for name, size in names.items():
        values = rng.normal(size=size).astype(np.float32)
        if name.endswith(QUANTISED):
            kind = gguf.GGMLQuantizationType.Q8_0
            values = gguf.quants.quantize(values, kind)
            writer.add_tensor(f"{name}.weight", values, raw_dtype=kind)
        else:
            writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def source(path: Path) -> GgufModel:
    return GgufModel(GgufModelConfig(path=str(path), dtype=Dtype.float32), 0)


def test_the_header_is_that_of_the_package_s_own_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "small.gguf")
    found, expected = read_header(path), gguf.GGUFReader(path)
    assert found.data_start == expected.data_offset
    assert found.metadata["tokenizer.ggml.tokens"][:3] == ["!", '"', "#"]
    assert found.metadata["llama.rope.freq_base"] == 500.0
    assert [info.name for info in found.tensors] == [each.name for each in expected.tensors]
    for info, each in zip(found.tensors, expected.tensors, strict=True):
        assert info.shape == tuple(reversed(each.shape.tolist()))
        assert found.data_start + info.offset == each.data_offset


def test_the_shape_without_the_weights(tmp_path: Path) -> None:
    assert source(write(tmp_path / "small.gguf")).shape == ModelShape(
        n_layers=2,
        n_heads=4,
        d_model=64,
        d_head=16,
        d_vocab=40,
        n_ctx=32,
        d_mlp=96,
        n_key_value_heads=2,
        gated_mlp=True,
    )


def test_logits_are_those_of_the_library_s_own_loading(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    path = write(tmp_path / "small.gguf")
    model = load_model(source(path), "cpu")
    theirs: Any = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        expected = theirs(IDS).logits
    torch.testing.assert_close(model.forward(IDS, []), expected, rtol=0, atol=1e-5)


def test_text_is_read_with_the_vocabulary_in_the_file(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = source(write(tmp_path / "small.gguf")).tokenizer
    assert tokenizer is not None
    assert tokenizer.encode_bare("$%") == [3, 4]
    assert tokenizer.decode([3, 4]) == "$%"
    theirs = AutoTokenizer.from_pretrained(tmp_path, gguf_file="small.gguf")
    for text in ("", "!#", "AB A!# ##!"):
        assert tokenizer.encode(text) == theirs.encode(text)


def test_a_vocabulary_that_cannot_be_one(tmp_path: Path) -> None:
    """The tokenizers library panics, which is no ordinary exception."""
    tokenizer = source(write(tmp_path / "small.gguf", merge="! nothing")).tokenizer
    assert tokenizer is not None
    with pytest.raises(ModelError, match=r'^model: "small" cannot be loaded: '):
        tokenizer.encode("!")


def test_an_architecture_that_only_the_library_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "small.gguf")
    path.write_bytes(
        path.read_bytes().replace(b"\5\0\0\0\0\0\0\0llama", b"\5\0\0\0\0\0\0\0bloom", 1)
    )
    assert source(path).shape is None


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("empty", b"", "is not a GGUF file"),
        ("other", b"PK\3\4" + b"\0" * 99, "is not a GGUF file"),
        ("magic alone", b"GGUF", "is a broken GGUF file, or of another version: "),
        ("version 1", struct.pack("<4sIQQ", b"GGUF", 1, 0, 0), "of another version: version 1"),
        ("no keys", struct.pack("<4sIQQ", b"GGUF", 3, 0, 0), "it names no architecture"),
        (
            "a text longer than the file",
            struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 2**60) + b"x" * 9,
            "it ends in the middle of a text",
        ),
        (
            "an array longer than the file",
            struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, 4, 2**60),
            "an array that is longer than the file",
        ),
        (
            "as many keys as one can say",
            struct.pack("<4sIQQ", b"GGUF", 3, 0, 2**63),
            "is a broken GGUF file",
        ),
    ],
)
def test_files_that_are_broken(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / f"{name}.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        _ = source(path).shape
    assert str(caught.value).startswith(f'model.path: "{path}" ')
    assert message in str(caught.value)


def test_a_file_cut_in_the_middle(tmp_path: Path) -> None:
    path = write(tmp_path / "small.gguf")
    whole = path.read_bytes()
    for part in (100, 1000, len(whole) // 2):
        path.write_bytes(whole[:part])
        with pytest.raises(ModelError):
            load_model(source(path), "cpu")
