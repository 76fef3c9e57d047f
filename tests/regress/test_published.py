"""What a published.yaml may say, and every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathpatch_runner.errors import Problems, PublishedError
from pathpatch_runner.regress.claim import Exactly, Near, Order, Run, Sign, Top, Within
from pathpatch_runner.regress.published import read_all, read_published

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
GOOD = """
claims:
  - {id: near, experiment: toy, where: {hypothesis: h}, column: aue,
     value: 3, tolerance: 0.5, source: s}
  - {id: within, experiment: toy, model: gpt2, overrides: [seed=1], where: {}, column: aue,
     at_least: 0, at_most: 1, source: s, secondary: true}
  - {id: sign, experiment: toy, where: {}, column: aue, sign: negative, source: s}
  - {id: order, experiment: toy, where: {}, column: aue, by: over.s,
     order: [a0.h1, 0, a0.h2], source: s}
  - {id: top, experiment: toy, where: {}, column: aue, by: over.s, top: [a0.h1], source: s}
  - {id: exactly, experiment: toy, table: found, where: {}, column: aue, by: path,
     exactly: [a, b], source: s}
golden: {runs: [{experiment: toy, model: gpt2}], tolerance: {aue: 0.1}}
"""


def folder(tmp_path: Path, text: str) -> Path:
    made = tmp_path / "toy"
    made.mkdir(exist_ok=True)
    (made / "published.yaml").write_text(text)
    return made


def test_every_check_is_read(tmp_path: Path) -> None:
    published = read_published(folder(tmp_path, GOOD))
    assert [claim.check for claim in published.claims] == [
        Near(3.0, 0.5),
        Within(0.0, 1.0),
        Sign(positive=False),
        Order("over.s", ("a0.h1", 0.0, "a0.h2")),
        Top("over.s", ("a0.h1",)),
        Exactly("path", ("a", "b")),
    ]
    assert published.claims[1].run.words == ("experiment=toy", "model=gpt2", "seed=1")
    assert [claim.secondary for claim in published.claims] == [False, True, *[False] * 4]
    assert [claim.table for claim in published.claims] == [*[""] * 5, "found"]
    assert published.golden.runs == (Run("toy", "gpt2"),)
    assert published.golden.tolerance == {"aue": 0.1}


START = "claims: [{id: c, experiment: toy, where: {}, column: aue, source: s"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "claim: []",
            'toy/published.yaml: unknown key "claim". Did you mean "claims"? '
            "Allowed: claims, golden",
        ),
        ("- a", "toy/published.yaml: must hold an object with claims and golden"),
        (
            "claims: []\nclaims: []",
            'toy/published.yaml:2: the key "claims" stands twice in one object (also in line 1). '
            "Leave one of them",
        ),
        ("claims: [{id: c}]", 'toy/published.yaml: claim 1 ("c"): lacks "experiment"'),
        (
            START + "}]",
            'toy/published.yaml: claim 1 ("c"): must say one of value (with tolerance), at_least '
            "and/or at_most, sign, order, top, exactly; it says none",
        ),
        (
            START + ", value: 1, sign: positive}]",
            'toy/published.yaml: claim 1 ("c"): must say one of value (with tolerance), at_least '
            "and/or at_most, sign, order, top, exactly; it says value and sign",
        ),
        (
            START + ", value: 1}]",
            'toy/published.yaml: claim 1 ("c"): "value" needs a "tolerance" (0: exactly)',
        ),
        (
            START + ", value: one, tolerance: 0}]",
            'toy/published.yaml: claim 1 ("c"): "value" must be a number, not \'one\'',
        ),
        (
            START + ", sign: up}]",
            'toy/published.yaml: claim 1 ("c"): "sign" must be positive or negative',
        ),
        (
            START + ", order: [a, b]}]",
            'toy/published.yaml: claim 1 ("c"): "order" must be a list, and "by" the column whose '
            "values it names",
        ),
        (
            "golden: {runs: [induction]}",
            "toy/published.yaml: golden: a run is an object with experiment, model and overrides",
        ),
    ],
)
def test_a_mistake_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PublishedError) as caught:
        read_published(folder(tmp_path, text))
    assert str(caught.value) == message


def test_mistakes_are_reported_together(tmp_path: Path) -> None:
    text = START + "}, {id: c, experiment: t, where: {}, column: a, source: s, sign: up}]"
    with pytest.raises(Problems) as caught:
        read_published(folder(tmp_path, text))
    assert len(caught.value.problems) == 2


def test_an_id_used_twice(tmp_path: Path) -> None:
    claim = "{id: c, experiment: t, where: {}, column: a, source: s, sign: positive}"
    with pytest.raises(PublishedError, match=r'toy/published\.yaml: id "c" is used twice'):
        read_published(folder(tmp_path, f"claims: [{claim}, {claim}]"))


def test_an_unknown_experiment_names_the_known(tmp_path: Path) -> None:
    folder(tmp_path, GOOD)
    with pytest.raises(PublishedError) as caught:
        read_all(tmp_path, ("toi",))
    assert str(caught.value) == (
        f'experiment "toi": no "{tmp_path / "toi" / "published.yaml"}". Did you mean "toy"? '
        "Allowed: toy"
    )


def test_every_file_that_ships_is_read_and_sourced() -> None:
    files = read_all(EXPERIMENTS, ())
    assert {"induction", "micro"} <= {published.name for published in files}
    assert all(claim.source for published in files for claim in published.claims)
