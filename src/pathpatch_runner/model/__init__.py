"""Models: where they come from, what is known of them, and what each of their nodes computes. The
only package that knows TransformerLens.

A kind of model is one file with one class, a `ModelSource`:

    native      TransformerLens' own transformer, from config fields and a weights file
    local       a directory as Hugging Face's `save_pretrained` writes it
    hub         a name on the Hugging Face hub
    gguf        a quantised file, as llama.cpp writes it
    random      a Hugging Face architecture with random weights
    in_memory   a bridge that exists already

    source      what a kind is: name, digest, shape, tokenizer, how to load; `source_of`
    load        a source -> `LoadedModel`: a bridge, its hook points, forward passes
    probe       proof that the hooks are live, by `trials`; `wiring`: how blocks are put together
    hook_points names of the hooks that the executors use
    tokenizer   text <-> token ids
    nodes       what each node computes, as functions; `rotary`, `component`
    attention   scores of native models, whose scores hook is dead

What the kinds share: `files`, `digest`, `shape` (of native models), `architecture` (of Hugging
Face's), `pretrained`, `native_bridge`, `weights`, `gguf_header`, `gguf_tensors`, `legacy`,
`shortformer`, `move`, `quiet`, `collector`. Importing a kind imports neither torch nor transformers
nor TransformerLens.
"""
