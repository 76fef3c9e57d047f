"""Runs of a given number of rows, made by rule: a family over heads, with effects of 16 pairs."""

from __future__ import annotations

import numpy as np

from pathpatch_runner.report.run_view import RunView
from report.summaries import described, head_row, row, summary
from report.views import effects, pairs, view

N_PAIRS = 16


def large(count: int) -> RunView:
    """`count` rows: a tenth of them another family, one a whole hypothesis."""
    size = int(np.ceil(np.sqrt(count)))
    rows = [row("all", 3.0, unit="hypothesis", hypothesis="whole")]
    for i in range(count - 1):
        tenth = i % 10 == 0
        sender = f"a{i % size // 8}.h{i % 8}"
        receiver = f"a{90 + i // size // 8}.h{i // size % 8}"
        effect = 3 * np.sin(i * i) ** 9 / (2 if tenth else 1)
        changes = {"hypothesis": "tenth" if tenth else "heads", "p_value": i * 7919 % 1000 / 1000}
        rows.append(head_row(sender, receiver, effect) | changes)
    table = described(summary(*rows))
    draws = np.random.default_rng(0).normal(size=(count, N_PAIRS))
    texts = [(f"pair {n} says that yes", f"pair {n} says that no") for n in range(N_PAIRS)]
    means = np.array([each["effect_mean"] for each in rows])[:, None]
    tables = {"effects": effects(table, (means + 0.1 * draws).tolist()), "pairs": pairs(*texts)}
    config = {"hypotheses": {"heads": {"paths": {"f": {"expr": "a0.h0-1 -> logits"}}}}}
    return view(table, config=config, tables=tables)
