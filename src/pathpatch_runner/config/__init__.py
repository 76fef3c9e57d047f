"""The typed shape of an experiment: what a composed config may say.

Plain dataclasses, registered with Hydra by `cli` and usable without it. Every model and
dataset kind is a subclass whose `kind` names it. OmegaConf needs unfrozen dataclasses and
enums instead of literals; enum members are spelled as users write them.
`runtime`, `tracking` and `description` cannot change results and are not part of the run key.

`choices` are what a value may be one of; `plain` says which fields name files, and makes plain data
of a config.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from pathpatch_runner.config.choices import (
    Backend,
    Choosing,
    Correction,
    Direction,
    Dtype,
    Scored,
    ScoreMethod,
    Slots,
    Tracker,
    UnitKind,
    WeightProcessing,
)
from pathpatch_runner.config.plain import file_field, named_files, to_plain

__all__ = [
    "FORMAT_VERSION",
    "Backend",
    "Choosing",
    "Correction",
    "DatasetConfig",
    "Direction",
    "Dtype",
    "ExperimentConfig",
    "HypothesisConfig",
    "ModelConfig",
    "PatchConfig",
    "PathConfig",
    "RuntimeConfig",
    "ScoreMethod",
    "Scored",
    "ScoresConfig",
    "SearchConfig",
    "SelectConfig",
    "Slots",
    "StatisticsConfig",
    "Tracker",
    "TrackingConfig",
    "UnitKind",
    "WeightProcessing",
    "file_field",
    "named_files",
    "to_plain",
]

FORMAT_VERSION = 2
"""Of the tables and the manifest; part of every run key. Raise it when either changes."""


@dataclass
class ModelConfig:
    """Fields every model kind has; a kind's own stand in its file in `model/`.

    `tf32`: on cards that can, float32 products of inputs rounded to TensorFloat-32: faster, with
    three digits."""

    kind: str = MISSING
    dtype: Dtype = Dtype.float32
    tf32: bool = False
    weight_processing: WeightProcessing = WeightProcessing.none


@dataclass
class DatasetConfig:
    """Fields every dataset kind has. `n_pairs`: how many pairs are taken, the first of a file
    (null: all it has); `skip_unusable`: leave out those of them that cannot be used (say, clean and
    corrupt of different length), count and list them; else they are refused."""

    kind: str = MISSING
    n_pairs: int | None = None
    skip_unusable: bool = False


@dataclass
class SelectConfig:
    """Which edges a circuit is made of. `by`: the method whose scores count (null: the only one);
    `absolute`: compare |score|; `threshold`: the least score, with `how: threshold`."""

    by: str | None = None
    how: Choosing = Choosing.top
    absolute: bool = True
    threshold: float | None = None


@dataclass
class PathConfig:
    """One entry of a hypothesis. It says one of: `expr`, an expression or a list of them (their
    union); `circuit`, a file of edges; `edges`, a list of them; `select` alone, the best of all
    edges by scores of this run; `every`, all short paths (`hypothesis.every`: at_most, through,
    from, slots, limit).

    `over`: variables of a family: nodes (a pattern, a group), streams (`r*`), slots (`slots`) or
    positions (names, indices, `all`), or a list of these. `sizes`: shares of all edges, one row
    each, or `mib`. `reference`: the file of a circuit to compare with."""

    expr: Any = None
    over: dict[str, Any] = field(default_factory=dict)
    circuit: str | None = file_field(None)
    edges: Any = None
    select: SelectConfig | None = None
    sizes: Any = None
    reference: str | None = file_field(None)
    every: Any = None


@dataclass
class HypothesisConfig:
    """A named set of path entries; `against`: the hypothesis whose AUE stands in for ATE."""

    groups: dict[str, Any] = field(default_factory=dict)
    paths: dict[str, PathConfig] = field(default_factory=dict)
    against: str | None = None


@dataclass
class PatchConfig:
    """How the paths are patched. `noise_scale`: in standard deviations of the embedding;
    `noise_draws`: seeded draws per pair. `controls`: matched random path sets for every unit, each
    through other heads of the same layers; none by default."""

    directions: list[Direction] = field(default_factory=lambda: [Direction.denoising])
    units: list[UnitKind] = field(default_factory=lambda: [UnitKind.path, UnitKind.hypothesis])
    source: str = "corrupt"
    noise_scale: float = 3.0
    noise_draws: int = 4
    controls: int = 0


@dataclass
class ScoresConfig:
    """Scores of every edge (or node) of the model: none without `methods`. `steps`: of integrated
    gradients; `metric`: null for the first of the run's; `direction`: of the effect they estimate;
    `sample`: `exact` on so many edges only, drawn from the seed (null: on all of them)."""

    methods: list[ScoreMethod] = field(default_factory=list)
    steps: int = 5
    of: Scored = Scored.edges
    metric: str | None = None
    direction: Direction = Direction.noising
    sample: int | None = None


@dataclass
class SearchConfig:
    """Finds paths, backwards from the logits (docs/search.md).

    `metric`: null for the first of the run's; `direction`: of the effects it goes by. `through`:
    nodes that paths may go through; `positions`: names of positions to tell apart, or none. What
    passes has q <= `alpha` after `correction` and at least `min_share` of the total effect.
    `at_most`: nodes between the ends; `evaluations`: the budget, in path sets. `confirm`: the share
    of pairs that choose nothing and are reported on; `sample`: random paths of those not looked at.
    """

    metric: str | None = None
    direction: Direction = Direction.noising
    through: Any = "any"
    slots: Slots = Slots.apart
    positions: Any = "none"
    min_share: float = 0.01
    alpha: float = 0.05
    correction: Correction = Correction.fdr
    at_most: int = 6
    evaluations: int = 200_000
    confirm: float = 0.5
    sample: int = 299


@dataclass
class StatisticsConfig:
    """Paired bootstrap and sign-flip, as TransformerLens' `PatchingResult` defines them."""

    n_resamples: int = 1000
    confidence: float = 0.95
    n_permutations: int = 1000


@dataclass
class RuntimeConfig:
    """What cannot change results. `memory_gb`: activation budget, a number of GiB, or auto for
    most of what is free; `threads`: of the CPU, null for torch's own choice; `force`: recompute;
    `dry_run`: the plan only; `show`: what to look at before anything runs (`data`: the pairs);
    `prove_again`: redo the probing and proving that is kept for a model; `reuse`: take values of
    path sets that were computed before, and keep those found (`outputs/.known`)."""

    device: str = "auto"
    backend: Backend = Backend.auto
    memory_gb: Any = "auto"
    threads: int | None = None
    progress: bool = True
    output_root: str = "outputs"
    force: bool = False
    dry_run: bool = False
    show: str | None = None
    prove_again: bool = False
    reuse: bool = True


@dataclass
class TrackingConfig:
    """Finished runs logged elsewhere (`tracking/`). Cannot change results. `uri`: of the tracker's
    server, or of a folder (null: what its own environment says); `project`: under which name."""

    kind: Tracker = Tracker.none
    uri: str | None = None
    project: str | None = None


@dataclass
class ExperimentConfig:
    """A whole experiment, as `runner.run` takes it. `description`: what it asks, for readers;
    `contrasts`: name -> a paired difference of two hypotheses or units, `refined - direct`.
    `shard: 3/8`: the third of eight parts of the pairs; `bindings: 3/8`: of the units of kind path
    (`inputs.parts`). `collect` makes one run of all parts."""

    experiment: str = MISSING
    description: str = ""
    model: ModelConfig = MISSING
    dataset: DatasetConfig = MISSING
    hypotheses: dict[str, HypothesisConfig] = field(default_factory=dict)
    patch: PatchConfig = field(default_factory=PatchConfig)
    metrics: list[str] = field(default_factory=lambda: ["loss"])
    scores: ScoresConfig = field(default_factory=ScoresConfig)
    statistics: StatisticsConfig = field(default_factory=StatisticsConfig)
    contrasts: dict[str, str] = field(default_factory=dict)
    search: SearchConfig | None = None
    shard: str | None = None
    bindings: str | None = None
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    seed: int = 0
