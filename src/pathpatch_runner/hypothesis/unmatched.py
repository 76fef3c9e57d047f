"""Why a path matches nothing in a model, for the error that says so."""

from __future__ import annotations

from collections.abc import Sequence

from pathpatch_runner.errors import HypothesisError
from pathpatch_runner.expression.ast import Route, StepPattern, Steps
from pathpatch_runner.expression.canonical import steps_text
from pathpatch_runner.expression.matching import matches_any_path
from pathpatch_runner.graph import Graph
from pathpatch_runner.hypothesis.entry import Entry, Expression


def nothing_matches(expression: Expression, entry: Entry, graph: Graph) -> HypothesisError:
    """The error for an expression that no path of the model matches, however bound."""
    variables = list(dict.fromkeys(expression.template.variables))
    what = "the path matches nothing in this model"
    if variables:
        what = f"no values of {', '.join(variables)} make the path match anything in this model"
    used = expression.template.variables
    repeated = [variable for variable in variables if used.count(variable) > 1]
    reason = _reason(expression.template.bind(entry.values), repeated, graph)
    shown = " ".join(expression.text.split())
    return HypothesisError(f"{expression.where}: {what}\n  {shown}\n  {reason}")


def _reason(route: Route, variables: Sequence[str], graph: Graph) -> str:
    """The last place, from the right, where the route cannot go on. `variables`: those that
    stand in it more than once."""
    for start in reversed(range(len(route.sets) - 1)):
        if matches_any_path((_suffix(route, start, graph),), graph):
            continue
        text = steps_text(route.sets[start], graph)
        if route.sets[start].crossing:
            after = steps_text(route.sets[start + 1], graph)
            return f"{after} does not read {text}, or anything after it: {_order(graph)}"
        logits = Steps((StepPattern(frozenset({graph.logits})),))
        if not matches_any_path((Route((route.sets[start], logits), (None,)),), graph):
            return f"no step of this model is {text}"
        after = steps_text(route.sets[start + 1], graph)
        return f"{text} does not come before {after}: {_order(graph)}"
    # Only a variable that stands twice gets here: its values fit each place, no value fits all.
    twice = ", ".join(variables)
    return (
        f"{twice} stands in more than one place: there are values for each place alone, but no "
        f"value that fits all of them at once; {_order(graph)}"
    )


def _suffix(route: Route, start: int, graph: Graph) -> Route:
    """The route from its set number `start` on; only set 0 may stand for `input`."""
    suffix = Route(route.sets[start:], route.links[start:])
    if start == 0:
        return suffix
    source = Steps((StepPattern(frozenset({0})),))
    through = Steps((StepPattern(frozenset(range(1, graph.logits))),))
    return Route((source, *suffix.sets), (through, *suffix.links))


def _order(graph: Graph) -> str:
    shape = graph.shape
    if shape.attn_only or shape.parallel:
        return "a node reads only what lower layers wrote"
    return "a node reads what lower layers wrote, and an MLP the attention of its own layer"
