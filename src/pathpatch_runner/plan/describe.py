"""Explain a plan in text, as a database explains a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pathpatch_runner.expression.alphabet import BackClass, PositionClass
from pathpatch_runner.plan.cost import cost_of
from pathpatch_runner.plan.plan import Plan
from pathpatch_runner.plan.set_plan import BASE, PATCHED, Reading, SetPlan

MOST_LINES = 60
MOST_ORBITS = 12
LEGEND = (
    "A stream is a copy of the residual stream; what it does not name is as in base.",
    "noising: base = clean, patched = corrupt. denoising: base = corrupt, patched = clean.",
)


def describe(plan: Plan, label: Callable[[int], str], n_positions: int, memory: str = "") -> str:
    """The whole text of plan.txt. `label`: of a unit; `n_positions`: of the longest prompt.

    Units of one orbit (equal up to a renaming of heads within layers) have one plan: the first
    one's is shown.
    """
    sections = [_header(plan, n_positions, memory)]
    for number, one in enumerate(plan.orbits[:MOST_ORBITS]):
        members = np.flatnonzero(plan.orbit_of == number)
        sections.append(_orbit_section(one, len(members) - 1, label(int(members[0]))))
    if len(plan.orbits) > MOST_ORBITS:
        sections.append(f"... and {len(plan.orbits) - MOST_ORBITS:,} more orbits")
    return "\n\n".join(sections) + "\n"


def _orbit_section(plan: SetPlan, others: int, first: str) -> str:
    title = first if not others else f"{first}   and {others:,} more of the same orbit"
    return "\n".join(
        [
            title,
            _section("  streams", [_stream_line(plan, s) for s in range(2, len(plan.streams))]),
            _section("  node evaluations", _version_lines(plan)),
            f"  {_output_line(plan)}",
        ]
    )


def _header(plan: Plan, n_positions: int, memory: str) -> str:
    graph = plan.alphabet.graph
    shape, cost = graph.shape, cost_of(plan, n_positions)
    kind = "attention only" if shape.attn_only else "parallel blocks" if shape.parallel else "MLPs"
    lines = [
        f"graph             {shape.n_layers} layers x {shape.n_heads} heads, {kind}: "
        f"{len(graph.nodes)} nodes",
        f"units             {plan.n_units:,} in {len(plan.orbits):,} orbits (equal up to renaming "
        "heads within layers)",
        f"mixed streams     {plan.n_streams:,}",
        f"node evaluations  {plan.mixed_evaluations:,}",
        f"operations        {_count(cost.mixed_flops)} for the mixed nodes + 2 x "
        f"{_count(cost.forward_flops)} for the plain runs, a pair of {n_positions} tokens",
        f"a naive tool      {cost.naive_passes:,} forward passes, {_count(cost.naive_flops)} "
        f"({cost.saving:,.1f} times as many)",
    ]
    if memory:
        lines.append(f"memory            {memory}")
    if len(plan.alphabet.position_classes) > 1:
        names = (position_class_name(c) for c in plan.alphabet.position_classes)
        lines.append(f"position classes  {', '.join(names)}")
    return "\n".join([*lines, "", *LEGEND])


def _count(flops: int) -> str:
    for factor, unit in ((1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP")):
        if flops >= factor:
            return f"{flops / factor:.1f} {unit}"
    return f"{flops:,} FLOP"


def _section(title: str, lines: list[str]) -> str:
    shown = lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        shown.append(f"... and {len(lines) - MOST_LINES:,} more")
    return "\n".join([f"{title}:", *(f"    {line}" for line in shown or ["(none)"])])


def stream_name(stream: int) -> str:
    """`base`, `patched` or `s4`."""
    return {BASE: "base", PATCHED: "patched"}.get(stream, f"s{stream}")


def position_class_name(position_class: PositionClass) -> str:
    """`@S2`, `@S1+1=S2` or `elsewhere`."""
    names = "=".join(sorted(str(position) for position in position_class))
    return f"@{names}" if names else "elsewhere"


def _back_name(back: BackClass) -> str:
    least, most = back
    if least is None:
        return "" if most is None else "~later"
    if most is None:
        return f"~{least}+"
    return f"~{least}" if least == most else f"~{least}-{most}"


def _value_name(version: int) -> str:
    if version <= PATCHED:
        return stream_name(version)
    return f"#{version}"


def _by_class(plan: SetPlan, values: Sequence[str]) -> str:
    """One value, or one for every position class."""
    if len(set(values)) == 1:
        return values[0]
    names = [position_class_name(c) for c in plan.alphabet.position_classes]
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _stream_line(plan: SetPlan, number: int) -> str:
    stream = plan.streams[number]
    parent = stream_name(stream.parent)
    writes = []
    for node, versions in stream.writes:
        value = _by_class(plan, [_value_name(version) for version in versions])
        writes.append(f"{plan.alphabet.graph.nodes[node].name} = {value}")
    shown = "; ".join(writes[:8]) + (f"; ... {len(writes) - 8} more" if len(writes) > 8 else "")
    return f"s{number:<4} {parent:>7} + {shown or 'base from here on'}"


def _version_lines(plan: SetPlan) -> list[str]:
    stage_of = plan.alphabet.graph.stage_of
    numbers = sorted(
        range(2, len(plan.versions)), key=lambda i: (stage_of[plan.versions[i].node], i)
    )
    return [_version_line(plan, number) for number in numbers]


def _version_line(plan: SetPlan, number: int) -> str:
    version = plan.versions[number]
    node = plan.alphabet.graph.nodes[version.node]
    slots = [
        f"{name or 'reads'} <- {_reading_name(plan, reading)}"
        for name, reading in zip(node.slots, version.readings, strict=True)
        if any(stream != BASE for row in reading for stream in row)
    ]
    return f"#{number:<4} {node.name:<8} {'; '.join(slots)}"


def _reading_name(plan: SetPlan, reading: Reading) -> str:
    rows = []
    for back, row in enumerate(reading):
        names = [stream_name(stream) for stream in row]
        text = _by_class(plan, names) if len(row) > 1 else names[0]
        rows.append((_back_name(plan.alphabet.back_classes[back]), text))
    if len({text for _, text in rows}) == 1:
        return rows[0][1]
    return ", ".join(f"{name} {text}" for name, text in rows)


def _output_line(plan: SetPlan) -> str:
    return f"logits <- {_by_class(plan, [stream_name(stream) for stream in plan.output])}"
