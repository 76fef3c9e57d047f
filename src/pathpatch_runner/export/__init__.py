"""Exchange with other tools: a finished run's results in their formats, their files in ours.

edge_effects  a run's effects of single edges, or its scores -> a graph of edges
path_list     a run's paths with effects, intervals and counts -> Parquet or JSON, and back
convert       a circuit file (EAP-IG's or our graph JSON, an edge a line) -> another format

`python -m pathpatch_runner.export` is the command for both directions (`__main__`).
"""
