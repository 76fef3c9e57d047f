"""Path sets on a graph, compiled into one plan: what to evaluate, and what reads what. No torch.

    set_plan   the plan of one path set: its versions and streams
    compile_set  one path set -> its `SetPlan`
    orbits     thousands of path sets, sorted by which differ in the names of heads only
    chains     single paths, compiled all at once, without automata
    compile    all path sets -> one `Plan`, equal parts merged: `compile_plan`
    plan       `Plan`, the arrays that everything else reads; `Plan.select`, the part of some units
    worlds     the streams of a plan as entries of one batch
    extent     the positions at which a version or stream can differ, and is needed
    sums       streams made as sums of writes, where that is cheaper than stage by stage
    schedule   in which steps a cut is evaluated: by stage, or in waves
    waves      which versions can be evaluated together, whatever their stage
    chunk      cuts of a plan, some units each
    memory     how much the differences of a plan take
    cost       floating point operations
    describe   plan.txt
    forced     a plan that must reproduce a plain run, for the guards

An example: a model of two layers, one head each, no MLPs, and the path set

    a0.h0 -> a1.h0<k> -> logits

The sender `a0.h0` carries everything it computed, so every path that ends in this way is in the
set, wherever it came from. Everything in the set carries the *patched* prompt, every other path
the *base* prompt (noising: base = clean, patched = corrupt; denoising: the reverse).

Read backwards, from the logits. A path that reaches `a1.h0` through its keys may still be in the
set; through queries or values, or past `a1.h0`, it can no longer be. So there are three kinds of
copies of a node. Those all of whose paths are in the set are the patched run's (here: `a0.h0`, as
the keys of `a1.h0` see it). Those none of whose paths are, are the base run's (`a0.h0`, as anyone
else sees it). The rest are *mixed* and must be evaluated: here one, `a1.h0` itself.

              input      a0.h0         a1.h0 reads              logits reads
    s2   -----base-------patched-------> k
    base -----base-------base----------> q, v   = #2
    s3   -----base-------base-------------------(writes #2)---> logits

What a mixed node reads is a *stream*: a copy of the residual stream. `s2` is the base run's with
the write of `a0.h0` taken from the patched run. `a1.h0` reads it through its keys and the base
run's through queries and values: that is *version* `#2` of `a1.h0`, the one evaluation of this
plan. `s3` is the base run's stream with `#2` in place of the base run's `a1.h0`, and the logits of
this unit are those of `s3`. As numbers in a `Plan` (0 is the base run, 1 the patched run):

    stage 0, input      nothing mixed
    stage 1, a0.h0      streams  [parent 0, writes [1]]      = s2
    stage 2, a1.h0      versions [node a1.h0, reads 0, 2, 0] = #2    (of q, k, v)
                        streams  [parent 0, writes [2]]      = s3
    outputs             [3]
"""
