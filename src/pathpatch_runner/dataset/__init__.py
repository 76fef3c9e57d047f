"""Datasets of clean/corrupt prompt pairs. No torch.

pair             a pair, its evaluation points, positions
aligned          checks that every kind of dataset shares
jsonl            pairs from a file
autocircuit      AutoCircuit's prompt JSON
eap_csv          EAP-IG's CSV
repeated_random  random tokens, twice
text             windows of a text
template         sentences from templates and word lists
template_file    the file of them, checked
load             `load_dataset`: one entry for each kind
"""

from pathpatch_runner.dataset.load import dataset_digest, load_dataset
from pathpatch_runner.dataset.pair import Pair, PairSet, Point, group_by_length, locate

__all__ = [
    "Pair",
    "PairSet",
    "Point",
    "dataset_digest",
    "group_by_length",
    "load_dataset",
    "locate",
]
