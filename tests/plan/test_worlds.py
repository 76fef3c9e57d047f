"""Plans laid out on the batch axis: worlds, homes and copies, worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pathpatch_runner.expression.ast import Position
from pathpatch_runner.plan.forced import forced_plan
from pathpatch_runner.plan.worlds import ByDistance, Copy, LayerCopies, lay_out
from plan.small import TWO_LAYERS, WITH_MLPS, plan_of

BASE, PATCHED = 0, 1


def test_the_example_of_the_docstring() -> None:
    """s3 begins when s2 has just been read for the last time, but does not continue it: it is
    base with one write. So there are two worlds beside the plain ones."""
    worlds = lay_out(plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<k> -> logits"))
    assert worlds.count == 4
    # World 2 holds s3, world 3 holds s2; both begin as base.
    assert worlds.outputs == ((2,),)
    assert worlds.inputs == ((BASE,), (PATCHED,), (BASE,), (BASE,))
    # a0.h0: world 2 keeps base's, world 3 receives the patched run's.
    assert worlds.layers[0] == LayerCopies(
        z=(Copy(2, 0, (BASE,)), Copy(3, 0, (PATCHED,))),
    )
    # a1.h0: version #2 is computed in world 2, from base's queries and values and world 3's keys.
    assert worlds.layers[1] == LayerCopies(
        q=(Copy(2, 0, (BASE,)),),
        k=(Copy(2, 0, (3,)),),
        v=(Copy(2, 0, (BASE,)),),
        z=(Copy(3, 0, (BASE,)),),
    )


def test_a_stream_and_its_continuation_share_a_world() -> None:
    """a0.h0 => logits: after a0.h0 the stream goes on to a1.h0 and then, with it, to the logits."""
    worlds = lay_out(plan_of(TWO_LAYERS, "a0.h0 => logits"))
    assert worlds.count == 3
    assert worlds.layers[0].z == (Copy(2, 0, (PATCHED,)),)
    # Its version of a1.h0 is the one that the world computes anyway: nothing is copied.
    assert worlds.layers[1] == LayerCopies()


def test_nothing_needs_no_worlds() -> None:
    plan = plan_of(TWO_LAYERS, "a0.h0 => logits")
    assert lay_out(plan.select(np.zeros(0, dtype=int))).count == 2
    assert lay_out(plan_of(TWO_LAYERS, "input => logits")).outputs == ((PATCHED,),)


def test_a_replaced_input_is_copied_by_class() -> None:
    classes = (frozenset([Position("S")]), frozenset[Position]())
    worlds = lay_out(plan_of(TWO_LAYERS, "input@S -> logits", classes=classes))
    assert worlds.inputs[2] == (PATCHED, BASE)


@pytest.mark.parametrize(("n_kv", "n_homes"), [(2, 1), (1, 2)])
def test_heads_that_share_keys_need_homes_of_their_own(n_kv: int, n_homes: int) -> None:
    """Two heads whose versions read other keys than each other: with one key/value head they
    cannot be computed in one world."""
    shape = dataclasses.replace(WITH_MLPS, n_key_value_heads=n_kv)
    plan = plan_of(shape, "m0 -> a1.h0<k> -> logits", "input -> a1.h1<k> -> logits")
    keys = lay_out(plan).layers[1].k
    assert len({copy.world for copy in keys}) == n_homes
    assert len(keys) == 2


def test_values_by_distance_have_a_home_for_every_class() -> None:
    worlds = lay_out(plan_of(TWO_LAYERS, "a0.h0 -> a1.h0<v~1> -> logits"))
    (one,) = worlds.layers[1].by_distance
    assert one == ByDistance(0, (2, 3, 4))
    sender = next(copy.world for copy in worlds.layers[0].z if copy.sources == (PATCHED,))
    by_home = {copy.world: copy.sources for copy in worlds.layers[1].v}
    # Distances 0 and 2 or more read base's values, distance 1 the sender's.
    assert by_home.get(2, (2,)) == (BASE,)
    assert by_home.get(3, (3,)) == (sender,)
    assert by_home.get(4, (4,)) == (BASE,)


def test_an_mlp_is_copied_from_the_world_it_reads() -> None:
    """m1's version reads the sender's stream, and is written into the output's."""
    worlds = lay_out(plan_of(WITH_MLPS, "a0.h0 -> m1 -> logits"))
    sender = next(copy.world for copy in worlds.layers[0].z if PATCHED in copy.sources)
    (output,) = worlds.outputs[0]
    assert output != sender
    assert Copy(output, 0, (sender,)) in worlds.layers[1].mlp


@pytest.mark.parametrize("prompts", [[BASE], [PATCHED], [BASE, PATCHED]])
def test_a_forced_plan_copies_everywhere(prompts: list[int]) -> None:
    graph = plan_of(WITH_MLPS, "m0 -> logits").alphabet.graph
    plan = forced_plan(graph, prompts)
    worlds = lay_out(plan)
    copies = 3 * len(prompts)
    # Every node but input and logits, once in every copy.
    assert plan.n_versions == copies * 6
    assert worlds.count == 2 + copies
    for unit, prompt in enumerate(prompts):
        assert worlds.inputs[worlds.outputs[unit][0]] == (prompt,)
    for layer in worlds.layers:
        # Queries, keys and values of both heads in every copy come from other copies.
        for found in (layer.q, layer.k, layer.v):
            assert len(found) >= 2 * copies - copies
            assert all(copy.sources[0] != copy.world for copy in found)
        assert {copy.sources[0] for copy in layer.q} <= set(range(2, 2 + copies))
