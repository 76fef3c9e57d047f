"""Tokenizers of the two common families, small enough to know every token of.

Both have one token for each word of `WORDS`, with the space before it and without, and spell
everything else: by bytes, or by characters where no byte is needed.

byte_level   GPT-2's way: a space belongs to the token after it, nothing is added
marked       Llama 2's way: BOS first; a space is a mark, which also stands before the first word
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer as Library
from tokenizers import decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE

from pathpatch_runner.model.tokenizer import FileTokenizer

WORDS = (
    *("When", "Mary", "John", "Tom", "Amy", "and", "gave", "it", "to", "def", "return"),
    *("key", "keys", "cat", "cats", "door", "is", "are", "The", "near", "the", "of", "set"),
    *("Facts", "left", "stayed", "with", "name", "met", "f", "a", "b"),
)
MARK = "\u2581"


def byte_level(folder: Path, words: Sequence[str] = WORDS) -> FileTokenizer:
    vocabulary = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = _merged([form for word in words for form in (f"Ġ{word}", word)], vocabulary)
    library = Library(BPE(vocabulary, merges))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.post_processor = processors.ByteLevel(trim_offsets=True)
    return _saved(library, folder / "byte_level.json")


def marked(folder: Path, words: Sequence[str] = WORDS) -> FileTokenizer:
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for piece in [*(f"<0x{byte:02X}>" for byte in range(256)), MARK, *"".join(words), *",.=1():{}"]:
        vocabulary.setdefault(piece, len(vocabulary))
    merges = _merged([form for word in words for form in (f"{MARK}{word}", word)], vocabulary)
    library = Library(BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    library.normalizer = normalizers.Sequence(
        [normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)]
    )
    library.decoder = decoders.Sequence(
        [
            decoders.Replace(MARK, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    library.add_special_tokens(["<unk>", "<s>", "</s>"])
    library.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return _saved(library, folder / "marked.json")


def _merged(forms: Sequence[str], vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Merges that build every form letter by letter; `vocabulary` gains what they make."""
    merges: dict[tuple[str, str], None] = {}
    for form in forms:
        for end in range(1, len(form)):
            merges[form[:end], form[end]] = None
            vocabulary.setdefault(form[: end + 1], len(vocabulary))
    return list(merges)


def _saved(library: Library, file: Path) -> FileTokenizer:
    library.save(str(file))
    return FileTokenizer(file)
