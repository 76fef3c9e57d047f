"""Models: the only package that knows TransformerLens.

    tokenizer   text <-> token ids
    shape       the graph shape of a model, from its config, without weights
    digest      what identifies a model's weights
    build       a bridge for every kind of model
    weights     the weights of native models
    sites       names of the hooks
    probe       proof that the hooks are live and the shape is right
    load        all of it together: `load_model`
    component   the model's own modules behind those of a bridge
    attention   scores of native models, whose scores hook is dead
    nodes       what each node computes, as functions

Importing `tokenizer`, `shape` or `digest` imports neither torch nor TransformerLens.
"""
