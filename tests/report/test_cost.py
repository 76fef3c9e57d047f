"""What the page says of the cost of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pathpatch_runner.report.page.cost import cost
from pathpatch_runner.report.run_view import RunView
from pathpatch_runner.store import KnownRecord
from store.records import MANIFEST


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (KnownRecord((".known/k",), 40, {"ab12": 30, "cd34": 2}), "32 of 40 evaluations taken"),
        (KnownRecord((".known/k",), 40, {}), None),
        (None, None),
    ],
)
def test_what_was_taken_from_earlier_runs(known: KnownRecord | None, said: str | None) -> None:
    page = cost(RunView(replace(MANIFEST, known=known).to_dict(), {}))
    assert ("taken from earlier" in page) == (said is not None)
    if said is not None:
        assert f"{said} from earlier: ab12, cd34" in page
        assert "can differ in the last bits" in page
