"""The `hooks` executor: a plan as TransformerLens hooks on batched forward passes.

    executor      what the loop asks
    passes        the hook functions of one forward pass
    by_distance   heads whose keys or values depend on the distance
    copies        copying between worlds, as tensor indexing

Streams are worlds of the batch (`plan.worlds`). Every hook copies between worlds and nothing
else, so this executor is slow, works wherever the hooks do, and is simple enough to be believed.
"""
