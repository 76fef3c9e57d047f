"""Circuits: sets of edges as path sets. No torch.

edges       all edges of a graph, numbered, as arrays
prune       which edges of a set lie on a way from `input` to `logits`
circuit     a set of edges as a path set: its automaton, its text in the tables
select      choosing edges by score
scores      scores of all edges by method
names       names of edges -> numbers, and what is wrong with them
graph_file  what a file says, and our superset of EAP-IG's graph JSON
graph_json  graph JSON -> `GraphFile`
read        a file, or a list of edges -> `GraphFile`

Selection and its words are those of EAP-IG (Hanna et al. 2024, arXiv 2403.17806) and of the MIB
benchmark (Mueller et al. 2025, arXiv 2504.13151).
"""

from pathpatch_runner.circuit.circuit import Circuit, circuit_of
from pathpatch_runner.circuit.edges import Edges, Mask, Scores, edges_of
from pathpatch_runner.circuit.graph_file import GraphFile, graph_data
from pathpatch_runner.circuit.read import read_circuit
from pathpatch_runner.circuit.scores import EdgeScores

__all__ = [
    "Circuit",
    "EdgeScores",
    "Edges",
    "GraphFile",
    "Mask",
    "Scores",
    "circuit_of",
    "edges_of",
    "graph_data",
    "read_circuit",
]
