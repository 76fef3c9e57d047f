"""Entries that say edges: their rows, and what is wrong with them in one message each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuit.graphs import NAMES, SIX
from hypotheses.small import resolved
from pathpatch_runner.circuit import Circuit, EdgeScores, GraphFile, edges_of, graph_data
from pathpatch_runner.circuit.select import MIB_SIZES
from pathpatch_runner.config import (
    Choosing,
    HypothesisConfig,
    PathConfig,
    SelectConfig,
    UnitKind,
)
from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.hypothesis import Hypotheses, Unit, resolve_hypotheses
from pathpatch_runner.hypothesis.selection import RunScores

# input->m0  input->m1  m0->m1  input->logits  m0->logits  m1->logits
EAP = np.array([5.0, 1.0, -4.0, 2.0, 3.0, -6.0])
EXACT = np.arange(6.0)


def graph_file(folder: Path, scores: dict[str, np.ndarray], *chosen: int) -> str:
    """A graph JSON of the six edges."""
    file = folder / "found.json"
    edges = edges_of(SIX)
    data = graph_data(
        GraphFile(SIX, edges.mask(chosen), tuple(range(6)), scores, method=next(iter(scores)))
    )
    file.write_text(json.dumps(data))
    return str(file)


def units(path: PathConfig, *kinds: UnitKind, run: RunScores = RunScores()) -> tuple[Unit, ...]:  # noqa: B008 - frozen
    config = {"h": HypothesisConfig(paths={"c": path})}
    return resolve_hypotheses(config, kinds or (UnitKind.path,), SIX, None, run=run).units


def edges_in(unit: Unit) -> list[str]:
    (circuit,) = unit.paths
    assert isinstance(circuit, Circuit)
    return [NAMES[number] for number in circuit.edges]


def refused(path: PathConfig, run: RunScores = RunScores()) -> str:  # noqa: B008 - frozen
    with pytest.raises(PathPatchError) as caught:
        units(path, run=run)
    return str(caught.value)


def test_a_list_of_edges_is_one_unit() -> None:
    (unit,) = units(PathConfig(edges=["input->m0", "m0 -> logits", "input->m1"]))
    assert edges_in(unit) == ["input->m0", "m0->logits"]
    assert (unit.path_id, unit.binding, unit.n_edges) == ("c", (), 2)
    assert unit.path.startswith("c[2 edges, ")


def test_a_file_gives_the_edges_that_are_in_its_graph(tmp_path: Path) -> None:
    (unit,) = units(PathConfig(circuit=graph_file(tmp_path, {"eap": EAP}, 3)))
    assert edges_in(unit) == ["input->logits"]
    assert unit.path.startswith("found[1 edge, ")


def test_sizes_are_rows(tmp_path: Path) -> None:
    """By |eap|: m1->logits, input->m0, m0->m1, m0->logits, input->logits, input->m1."""
    found = units(
        PathConfig(circuit=graph_file(tmp_path, {"eap": EAP}), sizes=[0, 0.34, 0.5, 0.8, 1]),
        UnitKind.path,
        UnitKind.hypothesis,
    )
    assert [unit.path_id for unit in found] == [
        "c[size=0]",
        "c[size=0.34]",
        "c[size=0.5]",
        "c[size=0.8]",
        "c[size=1]",
        "c",
    ]
    assert [unit.binding for unit in found[:3]] == [
        (("size", "0"),),
        (("size", "0.34"),),
        (("size", "0.5"),),
    ]
    # Of int(.34 * 6) = 2 edges none is on a way: a row of nothing.
    assert [unit.n_edges for unit in found] == [0, 0, 3, 4, 6, 6]
    assert edges_in(found[2]) == ["input->m0", "m0->m1", "m1->logits"]
    assert found[5].path == found[4].path


def test_sizes_of_mib(tmp_path: Path) -> None:
    file = graph_file(tmp_path, {"eap": EAP})
    found = units(PathConfig(circuit=file, sizes="mib"))
    sizes = [float(dict(unit.binding)["size"]) for unit in found]
    assert sizes == list(MIB_SIZES)
    assert [unit.binding[0][1] for unit in found][:2] == ["0.001", "0.002"]


@pytest.mark.parametrize(
    ("select", "sizes", "expected"),
    [
        (SelectConfig(by="eap", absolute=False), 0.5, [0, 3, 4]),
        (SelectConfig(by="exact", absolute=False), 0.5, [3]),
        (SelectConfig(by="eap", how=Choosing.greedy, absolute=False), 0.34, [0, 4]),
        (SelectConfig(by="eap", how=Choosing.threshold, threshold=4), None, [0, 2, 5]),
    ],
    ids=["top", "other scores", "greedy", "threshold"],
)
def test_ways_to_select(
    tmp_path: Path, select: SelectConfig, sizes: object, expected: list[int]
) -> None:
    file = graph_file(tmp_path, {"eap": EAP, "exact": EXACT})
    (unit,) = units(PathConfig(circuit=file, select=select, sizes=sizes))
    assert edges_in(unit) == [NAMES[number] for number in expected]


def test_a_reference_goes_with_every_row(tmp_path: Path) -> None:
    truth = tmp_path / "truth.txt"
    truth.write_text("input->m0\nm0->logits\n")
    file = graph_file(tmp_path, {"eap": EAP})
    found = units(PathConfig(circuit=file, sizes=[0.5, 1], reference=str(truth)))
    assert [unit.reference and len(unit.reference.edges) for unit in found] == [2, 2]


def test_circuits_and_expressions_in_one_hypothesis() -> None:
    config = HypothesisConfig(
        paths={
            "c": PathConfig(edges=["input->m0", "m0->logits"]),
            "e": PathConfig("input -> m1 -> logits"),
        }
    )
    kinds = (UnitKind.path, UnitKind.hypothesis, UnitKind.cumulative, UnitKind.leave_one_out)
    found: Hypotheses = resolved({"h": config}, *kinds, graph=SIX)
    assert [unit.path_id for unit in found.units] == ["c", "e", "c+e", "c", "c+e", "e", "c"]
    both = found.units[2]
    assert [type(member).__name__ for member in both.paths] == ["Circuit", "Route"]
    assert both.n_edges is None
    assert both.path == f"{found.units[0].path} | input->m1->logits"


def test_selection_by_scores_of_this_run() -> None:
    """Before there are scores the rows are there, of the empty set; then they are chosen."""
    path = PathConfig(select=SelectConfig(by="eap"), sizes=[0.5, 1])
    config = {"h": HypothesisConfig(paths={"c": path})}
    before = resolve_hypotheses(
        config, (UnitKind.path,), SIX, None, None, RunScores(("eap", "exact"), None)
    )
    assert before.awaits_scores
    assert [unit.n_edges for unit in before.units] == [0, 0]
    scores = EdgeScores(SIX, {"eap": EAP, "exact": EXACT})
    after = resolve_hypotheses(
        config, (UnitKind.path,), SIX, None, None, RunScores(("eap", "exact"), scores)
    )
    assert not after.awaits_scores
    assert [unit.path_id for unit in after.units] == [unit.path_id for unit in before.units]
    assert edges_in(after.units[0]) == ["input->m0", "m0->m1", "m1->logits"]


KEY = "hypotheses.h.paths.c"
SHARES = "Expected shares of all edges, from 0 to 1, or mib for MIB's ten"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            PathConfig("input => logits", edges=["input->m0"]),
            f"{KEY}: says expr and edges. Say one of expr, circuit, edges, every",
        ),
        (
            PathConfig("input => logits", sizes=0.5),
            f"{KEY}.sizes: goes with circuit or edges, not with expr",
        ),
        (
            PathConfig(edges=["input->m0"], over={"s": "m*"}),
            f"{KEY}.over: variables stand in expressions, and the entry says edges",
        ),
        (
            PathConfig(edges=["input->m0"]),
            f"{KEY}: its only edge does not lie on a way from input to logits, so it has no path",
        ),
        (
            PathConfig(edges=["input->m0", "m1->logits"]),
            f"{KEY}: none of its 2 edges lies on a way from input to logits, so it has no path",
        ),
        (
            PathConfig(edges=["input->m7"]),
            f'{KEY}.edges: 1 edge is not in this model: "input->m7" (no node "m7")',
        ),
        (
            PathConfig(edges=["input->m0", "m0->logits"], sizes=0.5),
            f"{KEY}.select.by: no edge has a score to select by. Only a graph JSON can say scores, "
            "a text file and a list of edges cannot. Add them, or leave select and sizes out",
        ),
        (
            PathConfig(select=SelectConfig(by="eap"), sizes=0.5),
            f"{KEY}.select.by: the run makes no scores. Name a file of scores in `circuit`, or add "
            "to the experiment: scores: {methods: [eap]}",
        ),
        (
            PathConfig(select=SelectConfig(by="eap")),
            f"{KEY}.sizes: missing. It says how many edges to choose: a share, a list of shares, "
            "or mib",
        ),
        (
            PathConfig(select=SelectConfig(how=Choosing.threshold)),
            f"{KEY}.select: how: threshold needs a threshold: x",
        ),
        (
            PathConfig(select=SelectConfig(how=Choosing.threshold, threshold=1), sizes=0.5),
            f"{KEY}.sizes: a threshold says itself how many edges",
        ),
        (
            PathConfig(select=SelectConfig(threshold=1), sizes=0.5),
            f"{KEY}.select.threshold: goes with how: threshold, not top",
        ),
        (
            PathConfig(reference="truth.txt"),
            f"{KEY}: reference alone. Say which edges are compared with it: circuit",
        ),
        (
            PathConfig(edges=["input->logits"], sizes=[]),
            f"{KEY}.sizes: the list is empty. {SHARES}",
        ),
        (
            PathConfig(edges=["input->logits"], sizes=[0.5, 1.5, -1, "many", True]),
            "4 problems:\n"
            f"1. {KEY}.sizes: 1.5 is not a share. {SHARES}\n"
            f"2. {KEY}.sizes: -1 is not a share. {SHARES}\n"
            f"3. {KEY}.sizes: 'many' is not a share. {SHARES}\n"
            f"4. {KEY}.sizes: True is not a share. {SHARES}",
        ),
        (
            PathConfig(edges=["input->logits"], sizes=[0.5, 0.5]),
            f"{KEY}.sizes: 0.5 stands there twice",
        ),
        (PathConfig(circuit="none.json"), f'{KEY}.circuit: no file "none.json"'),
    ],
)  # fmt: skip
def test_mistakes(path: PathConfig, message: str) -> None:
    assert refused(path) == message


def test_a_method_that_the_run_does_not_have() -> None:
    path = PathConfig(select=SelectConfig(by="epa"), sizes=0.5)
    assert refused(path, RunScores(("eap", "exact"))) == (
        f'{KEY}.select.by: scores.methods does not have "epa". Did you mean "eap"? It has: eap, '
        "exact"
    )
    path = PathConfig(select=SelectConfig(), sizes=0.5)
    assert refused(path, RunScores(("eap", "exact"))) == (
        f"{KEY}.select.by: say by which scores: eap, exact"
    )


def test_a_circuit_of_neurons_is_not_one_of_nodes(tmp_path: Path) -> None:
    data: dict[str, Any] = json.loads(Path(graph_file(tmp_path, {"score": EAP}, 0, 4)).read_text())
    data["nodes"]["m0"]["neurons"] = [True, False, True, True]
    file = tmp_path / "neurons.json"
    file.write_text(json.dumps(data))
    assert refused(PathConfig(circuit=str(file))) == (
        f"{KEY}.circuit: of m0 only some neurons are in the circuit, and paths go through whole "
        "nodes. Choose whole nodes in EAP-IG, or select by score here"
    )
    # Selecting by score passes over what was in the graph before.
    assert len(units(PathConfig(circuit=str(file), sizes=1))) == 1
