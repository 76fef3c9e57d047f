"""Datasets of clean/corrupt prompt pairs. No torch.

pair             a pair, its evaluation points, positions; what the rest of the package sees
record           a pair as its source says it, before anything is tokenised
kind             what a kind of dataset is: a source of records
jsonl, autocircuit, eap_csv (labels)    kinds that read files
template (template_file, ..._form, ..._text, ..._answers), repeated_random, text    that make pairs
in_memory        the kind for pairs that Python code has already
form             the form of a record that somebody wrote
align            records -> aligned pairs, with all checks: the one place for every kind
positions        what pairs say of positions to a plan
prompts, words, answers    its parts: prompts as ids, positions of words, answers as tokens
load             `load_dataset`: from a config to pairs
"""

from pathpatch_runner.dataset.load import load_dataset
from pathpatch_runner.dataset.pair import Pair, PairSet, Point, group_by_length, locate

__all__ = ["Pair", "PairSet", "Point", "group_by_length", "load_dataset", "locate"]
