"""Compiles the programs and writes their weights, sequences and true paths beside this file.

    pip install --no-deps tracr-pypi==1.0.0 networkx absl-py
    python experiments/tracr/make_weights.py

Of a program `reverse`: `reverse.safetensors` and `reverse.json` (the model), `reverse.jsonl` (pairs
of sequences with the output at every position as answer, the corrupt sequence's as distractor) and
`reverse.truth.json` (the paths that can matter). Every sequence is checked against the program's
own evaluator first.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from assemble import Assembled, assembled
from programs import BOS, Program, compiled, expected, programs
from safetensors.numpy import save_file
from truth import Model, true_paths

HERE = Path(__file__).parent
N_PAIRS = 64


def sequences(program: Program) -> list[tuple[Any, ...]]:
    """Every sequence the program takes."""
    found = itertools.product(program.vocab, repeat=program.length)
    return [s for s in found if not program.unique or len(set(s)) == len(s)]


def as_ids(model: Assembled, sequence: tuple[Any, ...]) -> list[int]:
    """Token ids, with the compiler's first token before them."""
    return [model.tokens.index(token) for token in (BOS, *sequence)]


def check(program: Program, model: Assembled, numbers: Model) -> None:
    """The transformer says what the program says, at every position of every sequence."""
    for sequence in sequences(program):
        _, last = numbers.run(np.array([as_ids(model, sequence)]))
        logits = numbers.logits(last)[0, 1:]
        wanted = expected(program, sequence)
        for position, value in enumerate(wanted):
            if value is None:
                continue
            if program.numerical:
                assert abs(logits[position, 0] - value) < 1e-2, (program.name, sequence)
            else:
                said = model.outputs[int(logits[position].argmax())]
                assert said == value, (program.name, sequence, position, said, value)


def pairs(program: Program, model: Assembled) -> list[dict[str, Any]]:
    """Pairs that give another output somewhere; evaluation points: those positions."""
    rng = random.Random(program.name)
    every = list(itertools.permutations(sequences(program), 2))
    rng.shuffle(every)
    found: list[dict[str, Any]] = []
    for clean, corrupt in every:
        targets = _targets(program, model, clean, corrupt)
        if targets:
            ids = [as_ids(model, sequence) for sequence in (clean, corrupt)]
            found.append({"clean": ids[0], "corrupt": ids[1], "targets": targets})
        if len(found) == N_PAIRS:
            break
    return found


def _targets(
    program: Program, model: Assembled, clean: tuple[Any, ...], corrupt: tuple[Any, ...]
) -> list[list[int]]:
    targets = []
    outputs = zip(expected(program, clean), expected(program, corrupt), strict=True)
    for position, (one, other) in enumerate(outputs, start=1):
        if one is None or other is None or one == other:
            continue
        if program.numerical:
            targets.append([position, 0, 1])
        else:
            targets.append([position, model.outputs.index(one), model.outputs.index(other)])
    return targets


def main() -> None:
    """Write everything."""
    for program in programs():
        model = assembled(*compiled(program), program.length)
        sizes = [model.config[name] for name in ("n_layers", "n_heads", "d_head")]
        numbers = Model(model.weights, *sizes)
        check(program, model, numbers)
        every = np.array([as_ids(model, sequence) for sequence in sequences(program)])
        truth = true_paths(numbers, every)
        file = HERE / program.name
        weights = {name: np.ascontiguousarray(w, np.float32) for name, w in model.weights.items()}
        save_file(weights, file.with_suffix(".safetensors"))
        file.with_suffix(".json").write_text(json.dumps(model.config, indent=1) + "\n")
        lines = [json.dumps(pair) for pair in pairs(program, model)]
        file.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")
        file.with_suffix(".truth.json").write_text(json.dumps(truth, indent=1) + "\n")
        print(f"{program.name}: {sizes[0]} layers, {len(lines)} pairs, {len(truth)} true paths")


if __name__ == "__main__":
    main()
