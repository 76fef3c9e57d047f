"""Slips on the command line: each message says what, where, and what to type instead."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cli.own_configs import add_experiment
from pathpatch_runner.cli import compose
from pathpatch_runner.errors import PathPatchError

SLIPS = [
    (
        "dataset.n_pairs=1,2",
        'dataset.n_pairs: "1,2" is several values, and this is one run. To run each of them type '
        "-m dataset.n_pairs=1,2; for a list 'dataset.n_pairs=[1,2]'; for one text with a comma "
        "'dataset.n_pairs=\"1,2\"'",
    ),
    (
        "dataset.n_pairs=range(1,3)",
        'dataset.n_pairs: "range(1,3)" is several values, and this is one run. To run each of '
        "them type -m 'dataset.n_pairs=range(1,3)'",
    ),
    (
        "dataset.path=a=b.jsonl",
        'dataset.path: "a=b.jsonl" cannot be read. A value that holds = , : > { } [ ] ( ) or '
        "quotes stands in quotes of its own. Type 'dataset.path=\"a=b.jsonl\"'",
    ),
    (
        "+experiment=my",
        "experiment: is chosen already, so it cannot be added with +. Type experiment=<name>, "
        "without the +",
    ),
    (
        'hypotheses.1.paths.p.expr="a0.h0 -> logits"',
        'hypotheses: has no "1". Entries go by name, not by number. To add one type '
        "'+hypotheses={new: {paths: {p: {expr: \"a0.h0 -> logits\"}}}}', or write it in an "
        "experiment file",
    ),
    (
        '+hypotheses.more={paths: {p: {expr: "a0.h0 -> logits"}}}',
        'hypotheses.more: cannot be added to hypotheses as "{paths: {p: {expr: "a0.h0 -> '
        'logits"}}}" is. Entries go by name, not by number. To add one type \'+hypotheses={more: '
        '{paths: {p: {expr: "a0.h0 -> logits"}}}}\', or write it in an experiment file',
    ),
    (
        'hypotheses.h.paths.q={expr: "a0.h0 -> logits"}',
        'hypotheses.h.paths: has no "q". Entries go by name, not by number. To add one type '
        "'+hypotheses.h.paths={q: {expr: \"a0.h0 -> logits\"}}', or write it in an experiment file",
    ),
    (
        "metrics=logit_diff",
        "metrics: takes a list, and \"logit_diff\" is one value. Type 'metrics=[logit_diff]'",
    ),
    (
        "patch=3",
        'patch: is a section, and "3" is one value. Say patch.KEY=VALUE. Keys: directions, ',
    ),
    (
        '+hypotheses={new: {paths: {p: "a0.h0 -> logits"}}}',
        'hypotheses.new.paths.p: is a section, and "a0.h0 -> logits" is one value. Write {KEY: '
        "VALUE} in its place. Keys: expr, over, ",
    ),
    ("patch=[a]", "patch: a list, [a, b], stands where a section, {KEY: VALUE}, belongs, or "),
    (
        "+hypotheses={h: {paths: x}}",
        "hypotheses.h.paths: takes entries by name: {NAME: {expr: ...}}",
    ),
    ("model=5", 'model: "5" is no name of a file of model/. Type model=NAME; one that looks so '),
    ("dataset=true", 'dataset: "true" is no name of a file of dataset/. Type dataset=NAME'),
    (
        "runtime.device=null",
        "runtime.device: needs a value, and null is none. Leave it out to have the default",
    ),
    ("nonsense", '"nonsense": has no value. Type KEY=VALUE, such as experiment=induction'),
    ("=3", '"=3": names no key before "=". Type KEY=VALUE'),
    ("seed=1.5", "seed: Value '1.5' of type 'float' could not be converted to Integer"),
    ("model.dtype=float3", "model.dtype: Invalid value 'float3', expected one of [float64, "),
    ("dataset.path=${x}", "dataset.path: Interpolation key 'x' not found"),
    ("hydra/launcher=ray", 'hydra/launcher: there is no "ray". Allowed: basic'),
    ("dataset=jsnl", 'dataset: there is no "jsnl". Did you mean "jsonl"? Allowed: '),
]


@pytest.mark.parametrize(("slip", "message"), SLIPS, ids=[slip for slip, _ in SLIPS])
def test_a_slip_is_one_message(tmp_path: Path, slip: str, message: str) -> None:
    add_experiment(tmp_path, "my")
    with pytest.raises(PathPatchError) as caught:
        compose("my", slip, config_dir=tmp_path)
    said = str(caught.value)
    assert said.startswith(message)
    assert "https://" not in said


FILES = [
    (
        'hypotheses: {z: {paths: {p: "a0.h0 -> logits"}}}',
        'hypotheses.z.paths.p: is a section, and "a0.h0 -> logits" is one value. Write {KEY: '
        "VALUE} in its place. Keys: expr, over, ",
    ),
    (
        "hypotheses: {h: x}",
        'an entry of hypotheses (in "experiment/mine.yaml"): is a section, and "x" is one value. '
        "Write {KEY: VALUE} in its place. Keys: groups, paths, against",
    ),
    (
        "hypotheses: {h: {paths: {p: x}}}",
        'a path of hypotheses (in "experiment/mine.yaml"): is a section, and "x" is one value. ',
    ),
    ("hypotheses: {h: {paths: x}}", "hypotheses.h.paths: takes entries by name: {NAME: {expr: "),
    (
        "hypotheses: {h: {paths: [x]}}",
        'config (in "experiment/mine.yaml"): a list, [a, b], stands where a section, {KEY: VALUE}',
    ),
    (
        "patch: 3",
        'patch (in "experiment/mine.yaml"): is a section, and "3" is one value. Write {KEY: '
        "VALUE} in its place. Keys: directions, units, ",
    ),
    ("statistics: [1]", 'statistics (in "experiment/mine.yaml"): is a section, and "[1]" is one '),
    ("dataset: [a]", 'dataset (in "experiment/mine.yaml"): is a section, and "[\'a\']" is one '),
    ("model: 5", 'model (in "experiment/mine.yaml"): is a section, and "5" is one value. '),
    ("seed: x", "seed: Value 'x' of type 'str' could not be converted to Integer"),
]


@pytest.mark.parametrize(("line", "message"), FILES, ids=[line for line, _ in FILES])
def test_a_slip_in_a_file_is_one_message(tmp_path: Path, line: str, message: str) -> None:
    add_experiment(tmp_path, "my")
    head = "# @package _global_\ndefaults: [my, _self_]\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(f"{head}{line}\n")
    with pytest.raises(PathPatchError) as caught:
        compose("mine", config_dir=tmp_path)
    said = str(caught.value)
    assert said.startswith(message)
    assert "raised while composing" not in said


@pytest.mark.parametrize("slip", [slip for slip, text in SLIPS if "type '+" in text])
def test_what_a_message_says_to_type_works(tmp_path: Path, slip: str) -> None:
    add_experiment(tmp_path, "my")
    with pytest.raises(PathPatchError) as caught:
        compose("my", slip, config_dir=tmp_path)
    typed = shlex.split(str(caught.value).partition("type ")[2].partition(", or write")[0])
    config = compose("my", *typed, config_dir=tmp_path)
    added = [path.expr for each in config.hypotheses.values() for path in each.paths.values()]
    assert added == ["a0.h0 -> a1.h1<v> -> logits", "a0.h0 -> logits"]
