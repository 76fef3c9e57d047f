"""What one job of a sweep costs beside its work, for docs/large-runs.md.

    python benchmarks/jobs.py          writes records/jobs-<date>.json

The job is the second question of `benchmarks/beside.py`: 144 senders into the logits on GPT-2
small's shape, 8 pairs, by a command of its own, once the fast executor is proven. `seconds` of the
whole command; `stages` are what its manifest says. The first record is of the run of `beside.py`
that the record of that name is of.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from beside import HERE, questions


def main() -> None:
    """Measure, write, print."""
    second = questions(HERE.parent)["second"]
    record = {"seconds": second["seconds"], "stages": second["stages"]}
    file = HERE / "records" / f"jobs-{datetime.now(UTC):%Y-%m-%d}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{file.name}: {record['seconds']:.1f} s, {record['stages']}")


if __name__ == "__main__":
    main()
