"""From files on disk to token ids: documents, the held-out document, the tokenizer.

A *document* is one text (a novel). Hard line breaks inside a paragraph are undone and every
paragraph is one line, so that the model spends nothing on where a printer broke the line. One
whole document is *held out*: neither the tokenizer nor the model ever sees it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training.rdata import character_vectors

HELDOUT_CHARACTERS = 400_000
"""How much of the held-out document is kept for evaluation, and shipped as ``heldout.txt``."""


@dataclass(frozen=True)
class Document:
    name: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """Training documents, and the excerpt of the document that training never sees."""

    training: tuple[Document, ...]
    heldout: Document

    @property
    def training_text(self) -> str:
        return "\n".join(document.text for document in self.training)


def unwrap(lines: list[str]) -> str:
    """One line per paragraph; paragraphs are separated by blank lines in ``lines``."""
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        words = line.split()
        if words:
            paragraphs[-1].extend(words)
        elif paragraphs[-1]:
            paragraphs.append([])
    return "".join(" ".join(words) + "\n" for words in paragraphs if words)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"--text {path}: there is no such file or folder")
        if path.is_dir():
            # An R package keeps its data in `data/`; `R/` and `help/` hold code in the same format.
            yield from sorted([*path.rglob("data/*.rd[ax]"), *path.rglob("*.txt")])
        else:
            yield path


def read_documents(paths: list[Path]) -> tuple[Document, ...]:
    """All documents in files or folders of ``.txt``, ``.rda`` and ``.rdx``/``.rdb`` files.

    Vectors and files shorter than 10,000 characters (an R package's own documentation, say) are
    passed over.
    """
    documents = []
    for file in _files(paths):
        if file.suffix == ".txt":
            named = [(file.stem, file.read_text(encoding="utf-8").splitlines())]
        else:
            named = list(character_vectors(file))
        documents += [Document(name, unwrap(lines)) for name, lines in named]
    kept = tuple(document for document in documents if len(document.text) >= 10_000)
    if not kept:
        raise ValueError(f"--text {' '.join(map(str, paths))}: no text of 10,000 characters found")
    return kept


def split(documents: tuple[Document, ...], heldout_name: str) -> Corpus:
    """Hold out the document of that name; of a single document, its last tenth."""
    if len(documents) == 1:
        name, text = documents[0].name, documents[0].text
        cut = text.rindex("\n", 0, len(text) * 9 // 10) + 1
        return Corpus((Document(name, text[:cut]),), _excerpt(Document(name, text[cut:])))
    names = [document.name for document in documents]
    if heldout_name not in names:
        raise ValueError(f"--heldout {heldout_name!r}: not one of {', '.join(names)}")
    (heldout,) = (document for document in documents if document.name == heldout_name)
    training = tuple(document for document in documents if document is not heldout)
    return Corpus(training, _excerpt(heldout))


def _excerpt(document: Document) -> Document:
    """The first ``HELDOUT_CHARACTERS`` of a document, up to the end of a paragraph."""
    if len(document.text) <= HELDOUT_CHARACTERS:
        return document
    end = document.text.rindex("\n", 0, HELDOUT_CHARACTERS) + 1
    return Document(document.name, document.text[:end])


def train_tokenizer(corpus: Corpus, d_vocab: int) -> Tokenizer:
    """Byte-level BPE of ``d_vocab`` entries: any text encodes, there are no special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=d_vocab,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((document.text for document in corpus.training), trainer)
    if tokenizer.get_vocab_size() != d_vocab:
        raise ValueError(
            f"the text gives {tokenizer.get_vocab_size()} BPE entries, {d_vocab} were asked for: "
            "give more text or a smaller --d-vocab"
        )
    return tokenizer


def encode(tokenizer: Tokenizer, text: str) -> torch.Tensor:
    """Token ids ``[pos]``, int64. Paragraphs are encoded one by one and keep their newline."""
    encodings = tokenizer.encode_batch(text.splitlines(keepends=True))
    return torch.tensor([token for encoding in encodings for token in encoding.ids])
