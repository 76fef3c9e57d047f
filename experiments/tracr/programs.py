"""RASP programs, compiled to numpy weights by tracr without jax.

`tracr-pypi` and `networkx` are needed to make the weights, not to use them. Importing
`tracr.compiler` would import jax and haiku for its last step, assembling a haiku model. The passes
before that need numpy only, so the package's `__init__` is stepped over and the last step, which
lays the parts out as one transformer, is done in `assemble`.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOS, PAD = "compiler_bos", "compiler_pad"


def _without_init(package: str, parent: str) -> None:
    """Make `package` importable without running its `__init__`."""
    spec = importlib.util.find_spec(parent)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            "install it first: pip install --no-deps tracr-pypi==1.0.0 networkx absl-py"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / package.rpartition(".")[2]
    module = types.ModuleType(package)
    module.__path__ = [str(folder)]
    sys.modules[package] = module


@dataclass(frozen=True)
class Program:
    """A program over sequences of `length` tokens of `vocab`. `numerical`: its output is a number,
    in one coordinate of the stream, and not one of several values. `unique`: it takes sequences
    without a repeated token only."""

    name: str
    make: Callable[[], Any]
    vocab: tuple[Any, ...]
    length: int
    numerical: bool = False
    unique: bool = False


def programs() -> list[Program]:
    """All programs: examples of the compiler's own library, and one that chains two moves."""
    _without_init("tracr.compiler", "tracr")
    from tracr.compiler import lib
    from tracr.rasp import rasp

    letters = ("a", "b", "c")

    def second_before() -> Any:
        return lib.shift_by(1, lib.shift_by(1, rasp.tokens)).named("second_before")

    return [
        Program("reverse", lambda: lib.make_reverse(rasp.tokens), letters, 3),
        Program("hist", lib.make_hist, letters, 3),
        Program(
            "sort_unique",
            lambda: lib.make_sort_unique(rasp.tokens, rasp.tokens),
            (1, 2, 3, 4),
            3,
            unique=True,
        ),
        Program(
            "frac_prevs",
            lambda: lib.make_frac_prevs(rasp.tokens == "a"),
            letters,
            3,
            numerical=True,
        ),
        Program("count_a", lambda: lib.make_count(rasp.tokens, "a"), letters, 3),
        Program("rare", lambda: lib.make_count_less_freq(1), letters, 3),
        Program("second_before", second_before, letters, 4),
        Program("detect_ab", lambda: lib.detect_pattern(rasp.tokens, "ab"), letters, 3),
    ]


def compiled(program: Program) -> tuple[Any, Any, Any, list[Any]]:
    """(the parts as a residual stack, tokens, positions, output directions) of a program."""
    from tracr.compiler import (
        basis_inference,
        craft_graph_to_model,
        expr_to_craft_graph,
        nodes,
        rasp_to_graph,
    )
    from tracr.craft import bases
    from tracr.rasp import rasp

    extracted = rasp_to_graph.extract_rasp_graph(program.make())
    graph, sources, sink = extracted.graph, extracted.sources, extracted.sink
    basis_inference.infer_bases(graph, sink, set(program.vocab), program.length)
    expr_to_craft_graph.add_craft_components_to_rasp_graph(
        graph, bos_dir=bases.BasisDirection(rasp.tokens.label, BOS), mlp_exactness=100
    )
    parts = craft_graph_to_model.craft_graph_to_model(graph, sources)
    tokens = bases.VectorSpaceWithBasis.from_values(rasp.tokens.label, {*program.vocab, BOS, PAD})
    positions = bases.VectorSpaceWithBasis.from_values(rasp.indices.label, range(program.length))
    return parts, tokens, positions, list(sink[nodes.OUTPUT_BASIS])


def expected(program: Program, sequence: Sequence[Any]) -> list[Any]:
    """What the program itself says of a sequence."""
    return list(program.make()(list(sequence)))
