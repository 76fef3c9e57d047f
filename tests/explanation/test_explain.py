"""What an expression matches, said before anything runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from pathpatch_runner.errors import ConfigError, HypothesisError, ModelError, PathPatchError
from pathpatch_runner.explanation import explain
from pathpatch_runner.explanation.command import main
from pathpatch_runner.graph import Graph, ModelShape
from pathpatch_runner.model.hub import HubModelConfig

SHAPE = ModelShape(2, 3, 6, 2, 11, 16)


def test_a_family_with_a_group() -> None:
    found = explain(
        "s -> late<x>@p => logits@end",
        model=SHAPE,
        groups={"late": ["a1.h1", "a1.h2"]},
        over={"s": ["a0", "m1"], "x": "slots", "p": ["S1", 2]},
        positions=["S1", "end"],
    )
    late = [f"a1.h{head}<q,k,v>@{p}" for p in ("S1", "[2]") for head in (1, 2)]
    assert found.canonical == f"{{a0.h*,m1}}->{{{','.join(late)}}}=>logits@end"
    # 9 steps of layer 0 into 6 slots, then straight or through m1 to the logits.
    assert found.count == 9 * 6 * 2
    assert (found.bindings, found.left_out) == (3 * 3 * 2, 3 * 2)
    assert found.groups == {"late": "{a1.h1,a1.h2}"}
    assert found.variables == {"s": "{a0.h*,m1}", "x": "{q,k,v}", "p": "{S1,[2]}"}
    assert found.positions == ("[2]", "S1", "end")
    assert len(set(found.paths)) == 10


def test_text() -> None:
    text = str(explain("input -> a0.h1<v> -> a1.h2<k> -> logits", model=SHAPE))
    assert (
        text
        == """\
model       2 layers x 3 heads, MLPs: 10 nodes
expression  input->a0.h1<v>->a1.h2<k>->logits
matches     1 path

all of them:
  input->a0.h1<v>->a1.h2<k>->logits

  logits  █
       1  · · █   ·
       0  · █ ·   ·
   input  █
          heads   MLP

paths through a node: █ half or more, ▓ a tenth, ▒ a hundredth, ░ fewer, · none"""
    )


def test_the_drawing_is_xml_with_a_title_for_every_node_on_a_path() -> None:
    found = explain("input -> a0.h1<v> => logits", model=SHAPE)
    root = ElementTree.fromstring(found.svg)
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    on_paths = {str(title).split(":")[0] for title in titles if ": " in str(title)}
    assert on_paths == {"input", "a0.h1", "m0", "a1.h0", "a1.h1", "a1.h2", "m1", "logits"}


@pytest.mark.parametrize(
    "model",
    ["2x3", SHAPE, Graph(SHAPE), SimpleNamespace(shape=SHAPE)],
    ids=["sizes", "shape", "graph", "loaded model"],
)
def test_what_names_a_model(model: Any) -> None:
    assert explain("input => logits", model=model).count == ((1 + 9) * 2) ** 2


def test_models_of_conf() -> None:
    """The shipped model has two layers of eight heads and no MLPs: 25 ways through each."""
    assert explain("input => logits", model="induction").count == 25**2
    assert explain("input => logits", model="2x8-attn_only").count == 25**2


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        ("0x3", ModelError, 'model: "0x3" needs at least one layer and one head'),
        (
            HubModelConfig(name="nobody/has-this"),
            ModelError,
            "model: the shape of HubModelConfig is not known before it is loaded (a hub model that "
            "was never downloaded, or a file of weights). Say its sizes: model=12x12 (layers x "
            "heads)",
        ),
        (
            3,
            ModelError,
            "model: 3 has no shape. Expected a name of conf/model, sizes such as 12x12 (layers x "
            "heads), a model config, or a loaded model",
        ),
    ],
)
def test_models_without_a_shape(model: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        explain("input => logits", model=model)
    assert str(caught.value) == message


def test_an_unknown_name() -> None:
    with pytest.raises(ConfigError, match="indction"):
        explain("input => logits", model="indction")


def test_mistakes_are_those_of_a_run() -> None:
    with pytest.raises(PathPatchError, match=r'unknown node "a1.h7"') as caught:
        explain("input -> a1.h7 -> logits", model=SHAPE)
    assert "^^^^^" in str(caught.value)
    with pytest.raises(HypothesisError, match="matches nothing"):
        explain("m1 -> m0 -> logits", model=SHAPE)
    with pytest.raises(HypothesisError, match="`all` needs prompts, to know"):
        explain("m0@p -> logits", model=SHAPE, over={"p": "all"})
    assert explain("m0@p -> logits", model=SHAPE, over={"p": "all"}, n_positions=4).bindings == 4


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "paths.svg"
    argv = [
        "s<x> => logits",
        "model=2x3",
        "over.s=[a1.h0, m1]",
        "over.x=k",
        f"svg={file}",
        "draw=2",
    ]
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert "expression  {a1.h0<k>,m1<k>}=>logits" in out
    assert "rows        1, 1 match no path" in out
    assert "matches     40 paths" in out
    assert file.read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["model=2x2"], 'error: explain: no expression. Say one: "input -> a0.h3<v> => logits"'),
        (
            ["input => logits"],
            "error: explain: no model. Say model=<name of conf/model>, or model=12x12",
        ),
        (
            ["input=>logits", "modl=2x2"],
            'error: explain: unknown key "modl". Did you mean "model"? Allowed: model, groups, '
            "over, positions, n_positions, draw, seed, svg",
        ),
        (
            ["input=>lgits", "model=2x2"],
            'error: 2 problems:\n1. explain.expr[0]: a path must end in "logits"',
        ),
        (["input=>logits", "model=2x2", "svg=/nowhere/at/all.svg"], "error: svg: /nowhere"),
        (["s -> logits", "model=2x2", "over.s=[a0"], "error: over.s: '[a0' is not YAML"),
    ],
)
def test_command_refuses(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 1
    assert capsys.readouterr().err.startswith(message)
