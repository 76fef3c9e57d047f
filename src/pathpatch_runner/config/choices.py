"""What a value of a config may be one of; members are spelled as users write them."""

from __future__ import annotations

from enum import Enum


class Direction(Enum):
    """noising: paths in S carry corrupt, all others clean. denoising: the reverse."""

    noising = "noising"
    denoising = "denoising"


class UnitKind(Enum):
    """Which unions of a hypothesis' entries are evaluated."""

    path = "path"
    hypothesis = "hypothesis"
    cumulative = "cumulative"
    leave_one_out = "leave_one_out"
    coalitions = "coalitions"


class Backend(Enum):
    """The executor that runs the plan."""

    auto = "auto"
    hooks = "hooks"
    delta = "delta"


class Dtype(Enum):
    """Number format of weights and activations."""

    float64 = "float64"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


class Choosing(Enum):
    """How edges are chosen by score. top: the best; greedy: from the logits, the best into what is
    reached; threshold: all of at least a score."""

    top = "top"
    greedy = "greedy"
    threshold = "threshold"


class ScoreMethod(Enum):
    """What gives every edge a number. exact: the effect of patching it alone; random: a draw from
    the seed, to compare with; the others by gradients."""

    exact = "exact"
    eap = "eap"
    eap_ig_inputs = "eap_ig_inputs"
    eap_ig_activations = "eap_ig_activations"
    random = "random"


class Scored(Enum):
    """What is given scores."""

    edges = "edges"
    nodes = "nodes"


class Correction(Enum):
    """How p values are corrected for the number of tests of a level. fdr: Benjamini-Hochberg."""

    fdr = "fdr"
    bonferroni = "bonferroni"
    none = "none"


class Slots(Enum):
    """Whether a search tells a head's slots apart, or goes through the head whatever the slot."""

    apart = "apart"
    together = "together"


class WeightProcessing(Enum):
    """none: raw weights. compatibility: TransformerLens' `enable_compatibility_mode()`."""

    none = "none"
    compatibility = "compatibility"


class Tracker(Enum):
    """Where finished runs are logged as well."""

    none = "none"
    mlflow = "mlflow"
    wandb = "wandb"
