"""The `delta` executor: evaluate only what a plan marks mixed, as differences from two plain runs.

    executor    what the loop asks
    setting     what the evaluation of a batch works with
    runs        the base and the patched run, with everything the nodes read and wrote
    host        numbers of the host that choose on the device
    deltas      where the differences of versions and streams are kept
    steps       the loop over steps: versions, then streams, then logits of finished streams
    tally       how much of a chunk is done
    heads       the head versions of a step: which are evaluated together, and how
    together    those of which one slot changed, many heads at once
    base_heads  what these heads compute in the base run
    grid        rows that belong to owners, as products with one matrix an owner take them
    attention   other head versions: the changed slots, head by head
    reads       the streams that versions read
    readings    what slots of heads read, projected to queries, keys and values
    writes      what the changes that versions write make of a stream
    sums        streams made as sums of writes, as in circuits
    narrow      streams that one head wrote to, read without being made
    writers     the heads' output matrices, and what is made of them once
    columns     a few logits of narrow streams
    narrow_logits   all of their logits, for metrics that need them
    norm_form   a norm as numbers, for that
    outputs     values of units, as their streams finish
    readout     streams at the end of the model -> metric values
    carried     what path sets carry into the logits, as a vector
    proof       the checks a model must pass before this executor is trusted with it

An example: the plan drawn at the head of `plan/`, for `a0.h0 -> a1.h0<k> -> logits`, on a pair of
ten tokens that differ from position 6 on, with the logits read at the last position, 9.

The two plain runs are made once, with everything that nodes read and wrote. What follows holds only
differences from base, and only where (`plan.extent`) they are not zero and somebody needs them:

    s2   base + what a0.h0 wrote otherwise in the patched run.    positions 6 to 9 (keys read them)
    #2   a1.h0 with the keys of s2. Its norm, its keys of s2 at 6 to 9, and one row of scores: the
         query of position 9 against the cached keys, with columns 6 to 9 replaced. Its queries and
         values are the cached ones. What is kept is the change of z.             position 9
    s3   base + change of z times the head's output matrix.                       position 9
    out  the logits of base's last stream plus s3's difference: two columns of the unembedding if
         the metric is a logit difference.                                        position 9

Nothing of the first layer is evaluated, no MLP, no other head. A hundred units are rows of the same
tensors: `[n, B, P, width]`, n versions or streams that differ at the same positions.

A stream like s3 is made of its parent and what one stage wrote into it. In a circuit hundreds of
slots read streams of their own, all made of the same writes: there each write is made once, and a
stream is a sum of writes when it is complete (`plan.sums`).

Shape legend: n versions or streams, B pairs, T positions of the prompt, P chosen positions, H
heads, K key/value heads, D d_head, C position classes.
"""
