"""Published numbers, and our own last accepted ones, held against present runs.

claim      a claim, its run and its check; which runs are golden
published  reads them from `experiments/<name>/published.yaml`
query      a claim's rows of a run's tables
verdict    claim + rows -> pass or fail, with what was expected and found
golden     two summary tables, cell by cell within tolerances
launch     runs what is not there, by the program's own command line
session    all of it for some experiments: one verdict for each claim and golden run
junit      verdicts as a JUnit file

`python -m pathpatch_runner.regress` is the command (`__main__`).
"""
