"""The `delta` executor: evaluate only what a plan marks mixed, as differences from two plain runs.

    runs        the base and the patched run, with everything the nodes read and wrote
    extent      the positions at which a version or stream can differ and is needed
    deltas      where the differences of versions and streams are kept
    attention   head versions: the changed slots of the changed heads
    stages      the loop over stages: versions, then streams, then logits of finished streams
    chunks      memory: how many units at once
    proof       the checks a model must pass before this executor is trusted with it
    executor    all units on all pairs

Shape legend: n versions or streams, B pairs, T positions of the prompt, P chosen positions,
H heads, K key/value heads, D d_head, C position classes.
"""
