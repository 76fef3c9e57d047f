"""What a run knows before it computes: values of path sets that it, or another run, has found.

Values depend on the model, its number format, the pairs, the source, the seed, the executor, the
device, versions and code. All of it is the key under which `store.known` keeps them; a run has a
key for each set of pairs that it evaluates on (a search has two). Metrics, directions and path sets
are kept apart within a key, so that adding one of them costs what is new.

The executor is part of the key although it cannot change results: whoever asks for the other one
wants to see it compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pathpatch_runner.dataset import PairSet
from pathpatch_runner.execute.units import Units, Unknown
from pathpatch_runner.expression.ast import PathSet
from pathpatch_runner.inputs import Inputs
from pathpatch_runner.runner.checked import machine
from pathpatch_runner.runner.request import Request
from pathpatch_runner.store.known import KnownValues
from pathpatch_runner.store.manifest import KnownRecord

NOT_OF_VALUES = ("directions", "units", "controls")
"""Of `patch`: which values are asked for, not what they are."""
OF_VALUES = ("model", "code")
"""Of the digests; and those of plug-ins. That of the data stands for all pairs that a source may
take a mean of."""


@dataclass
class Known:
    """`root`: the output root, None where nothing is kept and nothing taken."""

    root: Path | None
    about: Mapping[str, Any]
    run: str
    reads: bool = True
    _by_pairs: dict[str, KnownValues] = field(default_factory=dict)

    def units(
        self, pairs: PairSet, path_sets: Sequence[PathSet], name: Callable[[int], str]
    ) -> Units:
        """What is known of path sets on some pairs. `name`: what messages call them."""
        if self.root is None:
            return Unknown(name)
        if pairs.digest not in self._by_pairs:
            about = {**self.about, "pairs": pairs.digest}
            self._by_pairs[pairs.digest] = KnownValues(self.root, about, self.run, reads=self.reads)
        return self._by_pairs[pairs.digest].units(path_sets, name)

    def join(self) -> None:
        """The run is complete: its many small files become few."""
        for values in self._by_pairs.values():
            values.join()

    @property
    def record(self) -> KnownRecord | None:
        """For the manifest; None where nothing was to be kept or taken."""
        if self.root is None:
            return None
        taken: dict[str, int] = {}
        for values in self._by_pairs.values():
            for run, count in values.taken.by_run.items():
                taken[run] = taken.get(run, 0) + count
        folders = tuple(values.name for values in self._by_pairs.values())
        asked = sum(values.taken.asked for values in self._by_pairs.values())
        return KnownRecord(folders, asked, taken)


def known_of(request: Request, inputs: Inputs, backend: str) -> Known:
    """What may be known of a run's path sets. Nothing where it is kept in memory, where it has
    metrics of the caller's own (which have no digest), and with `runtime.reuse=false`; with
    `runtime.force` nothing is taken, and what is found is kept."""
    config = request.config
    runtime = config.runtime
    nothing = request.held is not None or bool(request.metrics) or not runtime.reuse
    root = None if nothing else Path(runtime.output_root)
    return Known(root, _about(request, inputs, backend), inputs.run_key, reads=not runtime.force)


def _about(request: Request, inputs: Inputs, backend: str) -> dict[str, Any]:
    patch = inputs.identity["patch"]
    digests = {
        name: digest
        for name, digest in inputs.digests.items()
        if name in OF_VALUES or name.startswith("plug-in ")
    }
    return {
        "model": inputs.identity["model"],
        "digests": digests,
        "dataset": inputs.digests["dataset"],
        "shard": inputs.identity.get("shard"),
        "source": {key: value for key, value in patch.items() if key not in NOT_OF_VALUES},
        "seed": request.config.seed,
        "backend": backend,
        "machine": machine(request.config),
    }
