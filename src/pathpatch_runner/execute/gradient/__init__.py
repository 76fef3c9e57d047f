"""Gradients of a metric with respect to what every slot of every node reads.

    tape        one run of the model's own statement (`model.nodes`) that autograd passes through
    slots       the gradient at each slot's own copy of the stream, a layer of readers at a time
    changes     what every writer writes in the patched run, less what it writes in the base run
    attribution scores of all edges: changes times gradients, summed over the steps of a method

Attribution patching replaces the effect of an edge by its first order: the change of what the
writer writes, times the gradient at the reader's slot (Nanda 2023; edges: Syed et al. 2023,
arXiv 2310.10348; integrated: Hanna et al. 2024, arXiv 2403.17806).

An example. The edge `a0.h3->a1.h9<k>` on one pair, noising:

    change    what a0.h3 writes on the corrupt prompt, less what it writes on the clean one
    gradient  of the metric of the clean run, by the stream as the keys of a1.h9 read it: the other
              slots and heads read the same stream, and are not counted
    score     the sum of their products over positions and d_model

Shape legend: S slots of one layer, W writers, B pairs, T positions, H query heads, D d_head.
"""
