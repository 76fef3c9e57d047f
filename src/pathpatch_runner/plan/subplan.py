"""The part of a plan that some of its units need, renumbered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pathpatch_runner.plan.plan import BASE, PATCHED, Plan, Reading, Stream, Version


def reachable(plan: Plan, outputs: Iterable[int]) -> tuple[set[int], set[int]]:
    """(streams, versions), mixed ones only, that reading the given streams needs."""
    streams: set[int] = set()
    versions: set[int] = set()
    waiting = list(outputs)
    while waiting:
        stream = waiting.pop()
        if stream <= PATCHED or stream in streams:
            continue
        streams.add(stream)
        waiting.append(plan.streams[stream].parent)
        for _, written in plan.streams[stream].writes:
            for version in written:
                if version > PATCHED and version not in versions:
                    versions.add(version)
                    waiting.extend(plan.reads(version))
    return streams, versions


def subplan(plan: Plan, units: Sequence[int], classes: Iterable[int] | None = None) -> Plan:
    """The plan of some units, in the given order.

    `classes`: the position classes at which logits are evaluated (None: all); the logits of
    other classes read BASE.
    """
    wanted = None if classes is None else set(classes)
    outputs = [
        tuple(
            stream if wanted is None or c in wanted else BASE
            for c, stream in enumerate(plan.outputs[unit])
        )
        for unit in units
    ]
    streams, versions = reachable(plan, (stream for output in outputs for stream in output))
    stream_ids = _renumbered(streams)
    version_ids = _renumbered(versions)
    return Plan(
        graph=plan.graph,
        position_classes=plan.position_classes,
        back_classes=plan.back_classes,
        versions=(
            *plan.versions[:2],
            *(_version(plan.versions[old], stream_ids) for old in sorted(versions)),
        ),
        streams=(
            *plan.streams[:2],
            *(_stream(plan.streams[old], stream_ids, version_ids) for old in sorted(streams)),
        ),
        outputs=tuple(tuple(stream_ids[stream] for stream in output) for output in outputs),
    )


def _renumbered(used: set[int]) -> dict[int, int]:
    return {BASE: BASE, PATCHED: PATCHED} | {old: 2 + i for i, old in enumerate(sorted(used))}


def _version(version: Version, stream_ids: dict[int, int]) -> Version:
    def renamed(reading: Reading) -> Reading:
        return tuple(tuple(stream_ids[stream] for stream in row) for row in reading)

    return Version(version.node, tuple(renamed(reading) for reading in version.readings))


def _stream(stream: Stream, stream_ids: dict[int, int], version_ids: dict[int, int]) -> Stream:
    return Stream(
        stream.stage,
        stream_ids[stream.parent],
        tuple(
            (node, tuple(version_ids[version] for version in written))
            for node, written in stream.writes
        ),
    )
