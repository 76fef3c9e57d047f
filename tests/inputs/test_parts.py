"""Parts of pairs and units: which is whose, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathpatch_runner.config import PatchConfig, PathConfig, ScoreMethod, ScoresConfig, UnitKind
from pathpatch_runner.dataset import Pair, PairSet, Point
from pathpatch_runner.errors import ConfigError, Problems
from pathpatch_runner.inputs import Inputs, read_files, read_inputs
from pathpatch_runner.inputs.parts import Part, part_of, shard_numbers, shard_of
from pathpatch_runner.inputs.settings import check_settings
from pathpatch_runner.model.source import source_of
from runs.small import experiment


def pairs_of(*lengths: int) -> PairSet:
    """Pairs of these lengths, called by their numbers."""
    return PairSet(
        "made",
        tuple(
            Pair(str(number), (1,) * length, (2,) * length, (Point(length - 1),), {})
            for number, length in enumerate(lengths)
        ),
    )


def inputs_of(folder: Path, **changes: object) -> Inputs:
    config = experiment(folder, **changes)
    found = read_inputs(config, read_files(config, source_of(config.model, config.seed)))
    assert found is not None
    return found


def test_pairs_are_dealt_out_by_length() -> None:
    mixed = pairs_of(9, 5, 9, 5, 5, 5)
    # By length: 1 3 4 5 (of five tokens), then 0 2 (of nine).
    assert shard_numbers(mixed, Part(2, 1)) == [0, 1, 4]
    assert shard_numbers(mixed, Part(2, 2)) == [2, 3, 5]
    assert shard_numbers(mixed, Part(4, 2)) == [2, 3]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_every_pair_is_in_one_part(count: int) -> None:
    pairs = pairs_of(*[4 + number % 3 for number in range(7)])
    parts = [shard_of(pairs, Part(count, number)) for number in range(1, count + 1)]
    ids = [pair.pair_id for part in parts for pair in part.pairs]
    assert sorted(ids) == [str(number) for number in range(7)]
    sizes = [len(part.pairs) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    of_four = [sum(len(pair.clean) == 4 for pair in part.pairs) for part in parts]
    assert max(of_four) - min(of_four) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "-1/3", "1/3/5", "a/b", "", "1 / 3"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        part_of(text, "shard")
    assert str(error.value) == (
        f'shard: "{text}" is no part. Write its number, from 1, and how many parts there are: '
        "shard=3/8 is the third of eight"
    )


def test_a_bad_part_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(Problems) as error:
        inputs_of(tmp_path, shard="9/8", bindings="x")
    assert [str(problem).partition(":")[0] for problem in error.value.problems] == [
        "shard",
        "bindings",
    ]


def test_too_many_parts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^shard: 1/5 asks for 5 parts of 4 pairs"):
        inputs_of(tmp_path, shard="1/5")
    with pytest.raises(ConfigError, match=r"^bindings: 2/6 asks for 6 parts of 5 units of kind"):
        inputs_of(tmp_path, bindings="2/6")


def test_what_needs_everything_at_once(tmp_path: Path) -> None:
    config = experiment(
        tmp_path,
        shard="1/2",
        scores=ScoresConfig(methods=[ScoreMethod.eap]),
        patch=PatchConfig(controls=3),
    )
    with pytest.raises(Problems) as error:
        check_settings(config)
    assert [str(problem) for problem in error.value.problems] == [
        f"shard: {what} needs all pairs and units at once, so its parts cannot be added up. Leave "
        f"out shard, or run {what} in an experiment of its own"
        for what in ("scores.methods", "patch.controls")
    ]


def test_units_are_dealt_out_and_unions_are_in_the_first_part(tmp_path: Path) -> None:
    first, second = (inputs_of(tmp_path, bindings=f"{n}/2").hypotheses.units for n in (1, 2))
    # direct, then the family's bindings [a0.h0 a0.h1] x [a1.h0 a1.h1], then the union.
    assert [unit.path_id for unit in first] == [
        "direct",
        "family[s=a0.h0,r=a1.h1]",
        "family[s=a0.h1,r=a1.h1]",
        "direct+family",
    ]
    assert [unit.path_id for unit in second] == [
        "family[s=a0.h0,r=a1.h0]",
        "family[s=a0.h1,r=a1.h0]",
    ]


def test_what_others_are_measured_against_is_in_every_part_of_theirs(tmp_path: Path) -> None:
    config = experiment(tmp_path)
    config.hypotheses["rest"] = type(config.hypotheses["h"])(
        paths={"rest": PathConfig(expr="input => logits")}
    )
    config.hypotheses["h"].against = "rest"
    second = inputs_of(tmp_path, hypotheses=config.hypotheses, bindings="2/2").hypotheses.units
    assert [(unit.hypothesis, unit.kind) for unit in second] == [
        ("h", UnitKind.path),
        ("h", UnitKind.path),
        ("rest", UnitKind.path),
        ("rest", UnitKind.hypothesis),
    ]


def test_the_digest_of_the_data_is_that_of_all_pairs(tmp_path: Path) -> None:
    whole, part = inputs_of(tmp_path), inputs_of(tmp_path, shard="1/2")
    assert part.digests == whole.digests
    assert part.run_key != whole.run_key
    assert len(part.pairs.pairs) == 2
    assert part.all_pairs == whole.pairs
