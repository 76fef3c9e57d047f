"""What an expression matches on a model, before anything runs. Needs no weights.

    python -m pathpatch_runner.explain "input -> induction<k> -> logits" model=gpt2 \\
        groups.induction=[a5.h1,a5.h5]

    explanation  what there is to say: canonical form, exact count, some paths, where they lie
    shape        `model=`: the shape of a model by name, by sizes, or as it is
    text         it all as text
    command      the command: `explain.py`
"""

from pathpatch_runner.explanation.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
