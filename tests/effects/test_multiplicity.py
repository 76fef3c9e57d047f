"""q values against the paper's own example, by hand, and in simulation."""

from __future__ import annotations

import numpy as np
import pytest

from pathpatch_runner.effects.multiplicity import by_family, false_discovery_rate


def test_the_example_of_benjamini_and_hochberg() -> None:
    # Fifteen p values, section 3.2 of the paper: four are found at q = 0.05.
    p_values = np.array(
        [
            *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
            *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
        ]
    )
    q_values = false_discovery_rate(p_values)
    assert (q_values <= 0.05).sum() == 4
    assert q_values[:4] == pytest.approx([15e-4, 30e-4, 95e-4, 15 * 0.0095 / 4])
    # The eighth of 0.0344 * 15 / 8 is below those of ranks 6 and 7: they take it.
    assert q_values[5:8] == pytest.approx([0.0298 * 15 / 7] * 2 + [0.0344 * 15 / 8])
    assert q_values[-1] == 1.0


def test_q_values_do_not_depend_on_the_order() -> None:
    p_values = np.array([0.03, 0.001, 0.5, 0.03])
    assert false_discovery_rate(p_values) == pytest.approx([0.04, 0.004, 0.5, 0.04])


def test_one_test_keeps_its_p_value_and_an_undefined_one_does_not_count() -> None:
    assert false_discovery_rate(np.array([0.2])).tolist() == [0.2]
    assert false_discovery_rate(np.array([np.nan, 0.2]))[1] == 0.2
    assert np.isnan(false_discovery_rate(np.array([np.nan, 0.2]))[0])


def test_families_are_corrected_apart() -> None:
    p_values = np.array([0.01, 0.04, 0.02])
    assert by_family(p_values, np.array([7, 3, 7])) == pytest.approx([0.02, 0.04, 0.02])


def test_false_findings_stay_below_the_stated_rate() -> None:
    # 1,000 runs of 40 tests, 10 of them with an effect: the mean fraction of false findings of
    # the procedure at q is 0.1 * 30/40, here within three standard errors.
    rng = np.random.default_rng(0)
    fractions = []
    for _ in range(1000):
        p_values = rng.uniform(size=40)
        p_values[:10] **= 6
        found = false_discovery_rate(p_values) <= 0.1
        fractions.append(found[10:].sum() / max(1, found.sum()))
    mean, error = np.mean(fractions), np.std(fractions) / np.sqrt(1000)
    assert abs(mean - 0.075) < 3 * error
