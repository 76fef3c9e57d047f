"""Train the model of `experiment=induction`, measure it and write it to `model/`.

    apt-get download r-cran-janeaustenr && dpkg -x r-cran-janeaustenr_*.deb /tmp/janeausten
    python experiments/induction/train.py --text /tmp/janeausten

Any other English will do (`.txt` files). Interrupted, the same command goes on from the last
checkpoint.
"""

import argparse
import tempfile
from pathlib import Path

from training.bigram import bigram_loss
from training.corpus import encode, read_documents, split, train_tokenizer
from training.measure import measure
from training.model import ModelShape
from training.optimise import Schedule, train
from training.publish import publish

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, nargs="+", required=True)
    parser.add_argument("--heldout", default="prideprejudice")
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--formation-steps", type=int, default=1200)
    parser.add_argument("--d-vocab", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=HERE / "model")
    checkpoint = Path(tempfile.gettempdir()) / "induction_checkpoint.pt"
    parser.add_argument("--checkpoint", type=Path, default=checkpoint)
    arguments = parser.parse_args()

    corpus = split(read_documents(arguments.text), arguments.heldout)
    tokenizer = train_tokenizer(corpus, arguments.d_vocab)
    training = encode(tokenizer, corpus.training_text)
    heldout = encode(tokenizer, corpus.heldout.text)
    schedule = Schedule(arguments.steps, arguments.formation_steps, periodic=16, dropout=0.1)
    shape = ModelShape(arguments.d_vocab)
    model = train(shape, schedule, training, arguments.seed, arguments.checkpoint)
    metrics = measure(model, heldout)
    metrics["bigram_loss"] = bigram_loss(training, heldout, arguments.d_vocab)
    name = corpus.heldout.name
    publish(arguments.output, model, tokenizer, schedule, arguments.seed, name, metrics)
    (arguments.output.parent / "heldout.txt").write_text(corpus.heldout.text, encoding="utf-8")
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
