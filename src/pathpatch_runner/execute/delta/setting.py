"""What the evaluation of a batch works with, in one direction of patching."""

from __future__ import annotations

from dataclasses import dataclass

from pathpatch_runner.execute.batch import Batch
from pathpatch_runner.execute.delta.narrow import Narrow
from pathpatch_runner.execute.delta.runs import Runs
from pathpatch_runner.model.nodes import NodeFunctions


@dataclass(frozen=True)
class Setting:
    """`functions`: what the nodes compute; `runs`: base and patched, as the direction has them;
    `workspace`: elements a temporary tensor may have; `narrow`: None where streams must be wide."""

    functions: NodeFunctions
    runs: Runs
    batch: Batch
    workspace: int
    narrow: Narrow | None = None
