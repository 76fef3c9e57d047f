"""How the small induction model in ``experiments/induction/model`` is made.

Each file is one step, in the order in which data flows:

    rdata      R's serialised character vectors -> lines of text
    corpus     files -> documents -> training text, held-out text, tokenizer, token ids
    batches    token ids and random numbers -> rows of tokens, a pure function of (seed, step)
    model      the transformer; its parameter names are TransformerLens' names
    optimise   the two-phase training loop, with checkpoint and resume
    bigram     the best bigram model, the baseline that the transformer has to beat
    measure    losses and head scores of a trained model on data it never saw
    bridge     the shipped files booted as a ``TransformerBridge``, compared with ``model``
    publish    model, config, tokenizer, metrics and card written as one folder

Dimensions (TransformerLens'): ``n_layers, n_heads, d_model, d_head, d_vocab, batch, pos``.
Losses are in nats per token.
"""
