"""The training code of `experiments/induction`, in small, and the files that it shipped.

The code is not part of the package; it is imported by name, as `train.py` imports it.
"""

from __future__ import annotations

import json
import struct
from importlib import import_module
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

batches, bigram, bridge, corpus, measure, model, optimise, publish, rdata = (
    import_module(f"training.{name}")
    for name in (
        "batches",
        "bigram",
        "bridge",
        "corpus",
        "measure",
        "model",
        "optimise",
        "publish",
        "rdata",
    )
)
INDUCTION = Path(__file__).parents[2] / "experiments" / "induction"
SHIPPED = INDUCTION / "model"
TINY = {"d_vocab": 300, "n_heads": 2, "d_model": 16, "d_head": 8, "n_ctx": 32}


def text_of(length: int) -> torch.Tensor:
    return torch.arange(length) * 7 % TINY["d_vocab"]


def test_r_character_vectors_are_read_from_hand_written_bytes(tmp_path: Path) -> None:
    def integers(*values: int) -> bytes:
        return struct.pack(f">{len(values)}i", *values)

    def characters(text: bytes) -> bytes:
        return integers(9, len(text)) + text

    symbol = integers(1) + characters(b"novel")
    vector = integers(16, 2) + characters(b"It is") + characters(b"a truth")
    pairs = integers(2 | 1 << 10) + symbol + vector + integers(254)
    (tmp_path / "x.rda").write_bytes(b"RDX2\nX\n" + integers(2, 0, 0) + pairs)
    assert list(rdata.character_vectors(tmp_path / "x.rda")) == [("novel", ["It is", "a truth"])]


def test_paragraphs_become_lines() -> None:
    assert corpus.unwrap(["", "It is a", " truth ", "", "", "that"]) == "It is a truth\nthat\n"


def test_the_held_out_document_is_in_no_training_text() -> None:
    documents = tuple(corpus.Document(name, f"{name} text\n") for name in ("a", "b", "c"))
    divided = corpus.split(documents, "b")
    assert divided.training_text == "a text\n\nc text\n"
    assert divided.heldout.text == "b text\n"
    with pytest.raises(ValueError, match=r"^--heldout 'd': not one of a, b, c$"):
        corpus.split(documents, "d")


def test_periodic_rows_repeat_and_depend_on_seed_and_step_only() -> None:
    shape = batches.BatchShape(16, 128, 1000)
    rows = batches.periodic_rows(16, shape, batches.generator_for(3, 5))
    for row in rows:
        assert any(torch.equal(row[period:], row[:-period]) for period in range(8, 61))
    assert torch.equal(rows, batches.periodic_rows(16, shape, batches.generator_for(3, 5)))
    assert not torch.equal(rows, batches.periodic_rows(16, shape, batches.generator_for(3, 6)))


def test_witten_bell_by_hand() -> None:
    # Pairs of 0 1 0 1 0 0: 01 twice, 10 twice, 00 once. After 0: 3 pairs, 2 kinds.
    # Contexts: 0 follows two tokens, 1 one; with 0.1 added, the back-off of 1 is 1.1 / 3.2.
    tables = dict(bigram.candidates(bigram.pair_counts(torch.tensor([0, 1, 0, 1, 0, 0]), 2)))
    assert tables["Witten-Bell"][0, 1].item() == pytest.approx(2 / 5 + 2 / 5 * 1.1 / 3.2)
    # Kneser-Ney with discount 0.5: (2 - 0.5) / 3, and the mass 2 * 0.5 / 3 backs off.
    expected = 1.5 / 3 + 1 / 3 * 1.1 / 3.2
    assert tables["Kneser-Ney, discount 0.5"][0, 1].item() == pytest.approx(expected)


def test_every_bigram_candidate_is_a_distribution() -> None:
    tokens = torch.randint(30, (400,), generator=torch.Generator().manual_seed(0))
    for name, table in bigram.candidates(bigram.pair_counts(tokens, 40)):
        assert (table > 0).all(), name
        torch.testing.assert_close(table.sum(1), torch.ones(40, dtype=torch.float64))


def test_head_scores_of_patterns_written_by_hand() -> None:
    previous, first = torch.zeros(2, 1, 1, 6, 6)
    for query in range(1, 6):
        previous[0, 0, query, query - 1] = 1
    first[0, 0, :, 0] = 1
    scores = measure._scores([torch.cat([previous, first], 1)], 1, 1)
    assert scores == {"a0.h0": 1.0, "a0.h1": 0.2}


def schedule(dropout: float) -> object:
    return optimise.Schedule(200, 120, warmup=10, batch=4, periodic=2, dropout=dropout)


@pytest.mark.slow
def test_an_interrupted_run_ends_in_the_same_weights(tmp_path: Path) -> None:
    shape = model.ModelShape(**TINY)

    def interrupt(line: str) -> None:
        if line.startswith("step 150"):
            raise KeyboardInterrupt

    given = (shape, schedule(0.1), text_of(500), 7)
    whole, _ = optimise.train(*given, tmp_path / "whole.pt", lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        optimise.train(*given, tmp_path / "part.pt", interrupt)
    resumed, _ = optimise.train(*given, tmp_path / "part.pt", lambda _: None)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name

    path = tmp_path / "part.pt"
    with pytest.raises(ValueError, match="other dropout; delete it to start anew, or name another"):
        optimise.train(shape, schedule(0.0), text_of(500), 7, path, lambda _: None)


def test_a_bridge_that_is_another_model_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trained = model.AttentionOnly(model.ModelShape(**TINY)).eval()
    (tmp_path / "config.json").write_text(json.dumps(trained.shape.bridge_config(0)))
    weights = dict(trained.state_dict()) | {"unembed.b_U": torch.zeros(TINY["d_vocab"])}
    save_file(weights, tmp_path / "model.safetensors")
    tokens = text_of(64).view(2, 32)
    assert bridge.logit_differences(tmp_path, trained, tokens)["float64"] < 1e-12
    save_file(weights | {"unembed.b_U": torch.full((300,), 1e-6)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"not the same model$"):
        bridge.logit_differences(tmp_path, trained, tokens)


def test_the_shipped_numbers_meet_the_targets() -> None:
    numbers = json.loads((SHIPPED / "metrics.json").read_text())
    assert numbers["english_loss"] <= numbers["bigram_loss"] - 0.4
    assert numbers["repeated_second_half_loss"] < 0.1
    assert max(numbers["previous_token_attention"].values()) > 0.8
    assert max(numbers["induction_attention"].values()) > 0.8
    assert (SHIPPED / "model.safetensors").stat().st_size <= 15_000_000


@pytest.mark.slow
def test_the_shipped_files_give_the_shipped_numbers_as_a_bridge() -> None:
    booted = bridge.boot(SHIPPED).original_model
    numbers = json.loads((SHIPPED / "metrics.json").read_text())
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    heldout = (INDUCTION / "heldout.txt").read_text(encoding="utf-8")
    tokens = corpus.encode(tokenizer, heldout)
    assert len(tokens) == numbers["heldout_tokens"]
    assert heldout.startswith(tokenizer.decode(tokens[:500].tolist()))

    shape = batches.BatchShape(measure.ROWS, 128, 1024)
    generator = batches.generator_for(measure.EVALUATION_SEED, 0)
    rows = batches.repeated_rows(measure.ROWS, measure.PERIOD, 0, shape, generator)
    english = batches.consecutive_rows(tokens, 128)
    with torch.no_grad():
        repeated = model.next_token_losses(booted(rows), rows)[:, measure.PERIOD :].mean()
        read = torch.cat([model.next_token_losses(booted(x), x) for x in english.split(128)]).mean()
    assert repeated.item() == pytest.approx(numbers["repeated_second_half_loss"], abs=1e-4)
    assert read.item() == pytest.approx(numbers["english_loss"], abs=1e-4)


def test_the_shipped_weights_are_finite_float32_in_transformer_lens_names() -> None:
    weights = load_file(SHIPPED / "model.safetensors")
    assert weights["blocks.1.attn.W_Q"].shape == (8, 256, 32)
    assert weights["unembed.b_U"].abs().max() == 0
    assert all(t.dtype == torch.float32 and t.isfinite().all() for t in weights.values())


def test_the_card_is_made_of_the_shipped_numbers() -> None:
    numbers = json.loads((SHIPPED / "metrics.json").read_text())
    steps = optimise.Schedule(**numbers["schedule"])
    card = publish.card(model.ModelShape(1024), steps, numbers)
    assert card == (SHIPPED / "README.md").read_text(encoding="utf-8")
