"""A circuit file -> `GraphFile`: graph JSON, or a text file with an edge a line.

    # the previous-token head, into the keys of an induction head
    input->a0.h3<v>
    a0.h3->a1.h9<k>
    a1.h9->logits

A text file says which edges there are and has no scores; blank lines and what follows a `#` are
passed over. All problems of a file are reported together. Nothing of another model is taken for
ours: sizes, nodes, edges and their order must be those of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pathpatch_runner.circuit.edges import edges_of
from pathpatch_runner.circuit.graph_file import GraphFile
from pathpatch_runner.circuit.graph_json import read_graph_json
from pathpatch_runner.circuit.names import Wrong, find_edge, twice, wrong_edges
from pathpatch_runner.errors import CircuitError, raise_together
from pathpatch_runner.graph import Graph
from pathpatch_runner.reading import numbered_lines, parse_json, read_text, within_memory

MOST_TIMES, MOST_NAMED = 4, 100_000
"""How many times as many edges as the model has are looked at one by one, to say what is wrong."""
PICKLED = (".pt", ".pth", ".pkl", ".pickle")


def read_circuit(path: Path, graph: Graph, where: str) -> GraphFile:
    """The circuit in a file. `where`: the config key that names it, or the file's own name.

    Raises CircuitError, or `Problems` of several.
    """
    with within_memory(f"{where}: {path.name}", CircuitError):
        text = circuit_text(path, where)
        if is_json(path, text):
            data = parse_json(text, path.name, CircuitError, non_finite=True)
            return read_graph_json(data, graph, where)
        return read_edge_lines(text, graph, where)


def circuit_text(path: Path, where: str) -> str:
    """The text of a circuit file. Raises CircuitError for a pickle, which is never read."""
    if path.suffix.lower() in PICKLED:
        raise CircuitError(
            f'{where}: "{path.name}" is a pickle, and reading one can run any code. Convert it '
            'where EAP-IG is installed, then name the JSON file:\n  python -c "from eap.graph '
            f"import Graph; Graph.from_pt('{path.name}').to_json('{path.stem}.json')\""
        )
    return read_text(path, where, CircuitError)


def is_json(path: Path, text: str) -> bool:
    """Whether the file is (meant as) JSON, by its name or its first character."""
    return path.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "[")


def read_edge_lines(text: str, graph: Graph, where: str) -> GraphFile:
    """The circuit of a text file with an edge a line."""
    lines = [line.partition("#")[0].strip() for _, line in numbered_lines(text)]
    names = [line for line in lines if line]
    if not names:
        raise CircuitError(f"{where}: no edges. Write one a line: a0.h3->a1.h9<k>")
    return _listed_edges(names, graph, where)


def read_edge_names(names: object, graph: Graph, where: str) -> GraphFile:
    """The circuit of a list of edges. `where`: the config key that holds it."""
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, Sequence) or not names or not all(isinstance(n, str) for n in names):
        raise CircuitError(
            f'{where}: expected a list of edges: ["input->a0.h3<v>", "a0.h3->logits"]'
        )
    return _listed_edges(names, graph, where)


def _listed_edges(names: Sequence[str], graph: Graph, where: str) -> GraphFile:
    edges = edges_of(graph)
    if len(names) > MOST_TIMES * len(edges) + MOST_NAMED:
        what = f"{where}: {len(names):,} edges, and this model has {len(edges):,}"
        raise CircuitError(f"{what}. Is it a circuit of this model?")
    found = [find_edge(name, edges) for name in names]
    numbers = [one for one in found if not isinstance(one, Wrong)]
    problems = wrong_edges([one for one in found if isinstance(one, Wrong)], where)
    problems += twice([edges.names[number] for number in numbers], where)
    raise_together(problems)
    return GraphFile(graph, edges.mask(numbers), tuple(numbers))
