"""Evaluate a plan on pairs of prompts: one loop, and executors that it asks. Importing this
package imports nothing: whoever only checks a config needs no torch.

    task         what to evaluate, and what was measured
    drive        the loop: `evaluate`
    executor     what an executor is, and which there are
    batch        some pairs of equal length, as tensors
    readout      logits at evaluation points -> metric values
    prompts      the two runs that a plan mixes
    sources/     where corrupt values come from: one file a kind
    recording    a forward pass that keeps what some hook points see
    distance     which distances are of which back class
    memory       the budget
    hooks/       executor: a plan as TransformerLens hooks on a batched forward pass
    delta/       executor: only what is mixed, as differences from the plain runs
    gradient/    estimates of the effect of every edge, from gradients
    scoring      exact or estimated effects of every edge
    guards       identities that are checked in every run, on its own data
    proofs       what was found out about a model once, and is kept
    backend      which executor a run uses, and why
"""
