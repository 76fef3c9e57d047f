"""Scores to choose by: which method, and every edge must have one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from circuit.graphs import SIX
from pathpatch_runner.circuit import EdgeScores
from pathpatch_runner.errors import CircuitError

WHERE = "hypotheses.h.paths.c.select.by"
WHOLE = np.arange(6.0)
HOLED = np.array([0.0, math.nan, 1.0, math.inf, 2.0, 3.0])


def test_the_only_method_need_not_be_named() -> None:
    assert EdgeScores(SIX, {"eap": WHOLE}).by(None, WHERE) is WHOLE
    assert EdgeScores(SIX, {"eap": HOLED, "exact": WHOLE}).by("exact", WHERE) is WHOLE


@pytest.mark.parametrize(
    ("methods", "by", "expected"),
    [
        (
            {"eap": HOLED},
            "eap",
            f'{WHERE}: 2 edges of this model have no finite score by "eap": input->m1, '
            "input->logits. To choose by score, every edge of the model needs one",
        ),
        (
            {"eap": np.full(6, math.nan)},
            "eap",
            f'{WHERE}: all 6 edges of this model have no finite score by "eap": input->m0, '
            "input->m1, m0->m1, input->logits, m0->logits, m1->logits. To choose by score, every "
            "edge of the model needs one",
        ),
        (
            {"eap": WHOLE, "exact": WHOLE},
            None,
            f"{WHERE}: say by which scores. There are 2: eap, exact",
        ),
        (
            {"eap": WHOLE},
            "epa",
            f'{WHERE}: no scores by "epa". Did you mean "eap"? There are: eap',
        ),
        (
            {},
            None,
            f"{WHERE}: no edge has a score to select by. Only a graph JSON can say scores, a "
            "text file and a list of edges cannot. Add them, or leave select and sizes out",
        ),
    ],
)
def test_mistakes(methods: dict[str, np.ndarray], by: str | None, expected: str) -> None:
    with pytest.raises(CircuitError) as caught:
        EdgeScores(SIX, methods).by(by, WHERE)
    assert str(caught.value) == expected
