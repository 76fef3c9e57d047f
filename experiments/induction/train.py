"""Train the model of `experiment=induction`, measure it and write it to `model/`.

    apt-get download r-cran-janeaustenr && dpkg -x r-cran-janeaustenr_*.deb janeausten
    python experiments/induction/train.py --text janeausten

Any other English will do (`.txt` files, and `--heldout` one of their names). Interrupted, the same
command goes on from the last checkpoint.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch

from training.batches import consecutive_rows
from training.bigram import best_bigram
from training.corpus import Corpus, encode, read_documents, split, train_tokenizer
from training.measure import PERIOD, measure
from training.model import AttentionOnly, ModelShape
from training.optimise import Schedule, train
from training.publish import publish

HERE = Path(__file__).parent


def arguments() -> argparse.Namespace:
    """The command line. The defaults made the model that ships."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="files or folders")
    parser.add_argument("--heldout", default="prideprejudice", help="name of the held-out document")
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--formation-steps", type=int, default=1200)
    parser.add_argument("--periodic", type=int, default=16, help="periodic rows of 48, afterwards")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--d-vocab", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--note", default="", help="a sentence for the card's limits")
    parser.add_argument("--output", type=Path, default=HERE / "model")
    checkpoint = Path(tempfile.gettempdir()) / "induction_checkpoint.pt"
    parser.add_argument("--checkpoint", type=Path, default=checkpoint)
    return parser.parse_args()


def command(given: argparse.Namespace) -> str:
    """What to type for this model, the places of files left to the reader."""
    return (
        f"python experiments/induction/train.py --text janeausten --heldout {given.heldout}"
        f" --steps {given.steps} --formation-steps {given.formation_steps}"
        f" --periodic {given.periodic} --dropout {given.dropout}"
        f" --d-vocab {given.d_vocab} --seed {given.seed}"
    )


def main() -> None:
    given = arguments()
    corpus = split(read_documents(given.text), given.heldout)
    tokenizer = train_tokenizer(corpus, given.d_vocab)
    text = encode(tokenizer, corpus.training_text)
    schedule = Schedule(
        given.steps, given.formation_steps, periodic=given.periodic, dropout=given.dropout
    )
    shape = ModelShape(given.d_vocab)
    model, seconds = train(shape, schedule, text, given.seed, given.checkpoint)
    heldout = encode(tokenizer, corpus.heldout.text)
    metrics = measured(model, corpus, text, heldout)
    metrics |= {"seed": given.seed, "training_seconds": seconds, "command": command(given)}
    metrics["note"] = given.note
    check = consecutive_rows(heldout, shape.n_ctx)[:16]
    publish(given.output, model, tokenizer, schedule, metrics, check)
    (given.output.parent / "heldout.txt").write_text(corpus.heldout.text, encoding="utf-8")
    print(f"written to {given.output}")


def measured(
    model: AttentionOnly, corpus: Corpus, text: torch.Tensor, heldout: torch.Tensor
) -> dict[str, Any]:
    """Everything that is known of a trained model; token ids are ``[pos]``."""
    rows = consecutive_rows(heldout, model.shape.n_ctx)
    bigram_loss, smoothing = best_bigram(text, rows, model.shape.d_vocab)
    return {
        **measure(model, heldout),
        "bigram_loss": bigram_loss,
        "bigram_smoothing": smoothing,
        "period": PERIOD,
        "training_documents": [document.name for document in corpus.training],
        "training_characters": len(corpus.training_text),
        "training_tokens": len(text),
        "heldout_document": corpus.heldout.name,
        "heldout_characters": len(corpus.heldout.text),
        "heldout_tokens": len(heldout),
    }


if __name__ == "__main__":
    main()
