"""What lies in an output folder: every run, whichever experiment, machine or launcher made it.

kept     the runs with their state, time and size
surplus  runs that no command would return, and their removal
values   values of path sets kept for later runs, and their removal
views    the tables of all finished runs as DuckDB views
table    rows of text in the terminal
command  arguments and exit codes of the commands

`python -m pathpatch_runner.runs`, `.clean` and `.query` are its commands. States of runs are
those of `report.jobs`.
"""
