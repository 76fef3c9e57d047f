"""Finds the paths that carry a behaviour, from the logits backwards, and says how sure that is.

    tail       tails of paths, and what may come before them: `Space`
    level      the tests of one level
    walk       the search itself, given a callback that evaluates path sets
    split      pairs that choose, and pairs that are reported on
    sample     random paths that were not looked at, and a bound on what they show
    found      `found.parquet`
    written    what was found as a hypothesis, the way a person would write it
    check      a search as the config says it, checked before anything runs

No model is known here: `runner.search` has the callback. What a search can and cannot show:
docs/search.md.
"""
