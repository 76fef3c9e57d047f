"""Twice the logit difference."""

from __future__ import annotations

from typing import Any

from pathpatch_runner.metric import Metric, Targets, mean_of_set


def _twice(logits: Any, targets: Targets) -> Any:
    def of(tokens: Any) -> Any:
        return mean_of_set(logits.double().gather(-1, tokens.clamp(min=0)), tokens)

    return 2 * (of(targets.answers) - of(targets.distractors))


margin = Metric("sample_margin", _twice, "logits", "higher", distractors=True, all_columns=False)
