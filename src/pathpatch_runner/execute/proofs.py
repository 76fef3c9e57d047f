"""What has been found out about a model once and need not be found out in every run.

Probing a model's hooks and proving `delta` depend on the model, its number format, the device, the
versions of torch, transformers, TransformerLens and our own modules, on the seed where weights are
drawn from it, and (`delta` alone) on the longest prompt in powers of two; not on the data. So they
are kept, in one file a combination:

    <output_root>/.proofs/<key>.json     key: a hash of all of the above, which the file repeats

A file that cannot be read, or is about something else, counts as none; deleting the folder is
always safe. `runtime.prove_again` finds everything out anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pathpatch_runner.errors import PathPatchError
from pathpatch_runner.execute.delta.proof import Proof
from pathpatch_runner.execute.guards import Guard
from pathpatch_runner.model.wiring import Probed
from pathpatch_runner.reading import read_record

log = logging.getLogger(__name__)
FOLDER = ".proofs"


@dataclass(frozen=True)
class Kept:
    """What a file says. `date`: when it was found out; `proof` None: `delta` was not tried."""

    date: str
    probed: Probed
    proof: Proof | None


@dataclass(frozen=True)
class Proofs:
    """The file of one combination. `root`: the output root, None for nowhere; `about`: what it
    depends on, plain data; `write(path, text)`: makes a file whole or not at all; `again`: take
    nothing that is kept."""

    root: Path | None
    about: Mapping[str, Any]
    write: Callable[[Path, str], None]
    again: bool = False

    @property
    def file(self) -> str:
        """The file's name below the output root."""
        text = json.dumps(self.about, sort_keys=True)
        return f"{FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"

    def read(self) -> Kept | None:
        """What is kept, if anything."""
        if self.again or self.root is None:
            return None
        try:
            data = json.loads(read_record(self.root / self.file))
            if data["about"] != json.loads(json.dumps(self.about)):
                return None
            proof = data["proof"]
            return Kept(
                date=str(data["date"]),
                probed=Probed.of_dict(data["probed"]),
                proof=None if proof is None else _proof_of(proof),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def keep(self, kept: Kept) -> None:
        """Keep it. A folder that cannot be written to is no reason to fail."""
        if self.root is None:
            return
        proof = None
        if kept.proof is not None and kept.proof.lasting:
            proof = {
                "guards": [dataclasses.asdict(guard) for guard in kept.proof.guards],
                "failure": kept.proof.failure,
            }
        data = {
            "date": kept.date,
            "about": dict(self.about),
            "probed": kept.probed.to_dict(),
            "proof": proof,
        }
        path = self.root / self.file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.write(path, json.dumps(data, indent=2, sort_keys=True) + "\n")
        except (OSError, PathPatchError) as error:
            log.warning("what was found out about the model could not be kept: %s", error)


def _proof_of(data: Mapping[str, Any]) -> Proof:
    failure = data["failure"]
    guards = tuple(Guard(**guard) for guard in data["guards"])
    return Proof(guards, None if failure is None else str(failure))
