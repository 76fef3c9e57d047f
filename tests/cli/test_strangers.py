"""Config files as strangers bring them: encodings, broken YAML, what stands for too much, code."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.own_configs import add_experiment
from pathpatch_runner.cli import compose
from pathpatch_runner.errors import PathPatchError

REFERENCES = "".join(f'  a{i}: "{f"${{contrasts.a{i - 1}}}" * 10}"\n' for i in range(1, 12))
ALIASES = "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
FILES = [
    (
        f"contrasts:\n  a0: xxxxxxxxxx\n{REFERENCES}",
        "contrasts.a5: its interpolations stand for more than 1,048,576 characters. Write out "
        "what is meant",
    ),
    (
        'contrasts: {a: "${.b}", b: "${.a}"}\n',
        "contrasts.a: an interpolation refers to itself: contrasts.a -> contrasts.b -> contrasts.a",
    ),
    (
        'contrasts: {a: "${contrasts}"}\n',
        "contrasts.a: an interpolation refers to itself: contrasts.a -> contrasts.a",
    ),
    (
        f"contrasts:\n  a0: &a0 [x, x]\n{ALIASES}",
        "{file}:15: aliases repeat more than 262,144 values",
    ),
    (
        "contrasts: [1,\n",
        "{file}:10: not YAML: expected the node content, but found '<stream end>'",
    ),
    (
        "model2: {_target_: os.system}\n",
        'model2: unknown key "model2". Did you mean "model"? Allowed: experiment, ',
    ),
]


@pytest.mark.parametrize(("more", "message"), FILES, ids=range(len(FILES)))
def test_a_bad_file_is_one_message(tmp_path: Path, more: str, message: str) -> None:
    file = add_experiment(tmp_path, "my", more)
    with pytest.raises(PathPatchError) as caught:
        compose("my", config_dir=tmp_path)
    assert str(caught.value).startswith(message.replace("{file}", str(file)))


@pytest.mark.parametrize("section", ["model", "dataset", "patch", "hypotheses.h", "runtime"])
def test_no_config_names_code(tmp_path: Path, section: str) -> None:
    add_experiment(tmp_path, "my")
    with pytest.raises(PathPatchError) as caught:
        compose("my", f"+{section}._target_=os.system", config_dir=tmp_path)
    assert str(caught.value).startswith(f'{section}._target_: unknown key "_target_". Allowed: ')


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    file = add_experiment(tmp_path, "my")
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert compose("my", config_dir=tmp_path).metrics == ["logit_diff"]


def test_another_encoding_is_told(tmp_path: Path) -> None:
    file = add_experiment(tmp_path, "my")
    file.write_bytes(file.read_text().encode("utf-16"))
    with pytest.raises(PathPatchError, match=f'^config: "{file}" is UTF-16 text'):
        compose("my", config_dir=tmp_path)
