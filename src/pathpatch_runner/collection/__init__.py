"""Parts of an experiment (`shard`, `bindings`: `inputs.parts`) made into the run they are parts of.

    part     a finished part: what it says it is, and of which whole
    sort     parts by whole: what is there, what is missing, what must not be added up
    kept     what a part measured, read back from its tables
    unite    the measured values of all parts, in the order of the whole
    write    the directory of the whole: tables and page; `record`: its manifest

The whole has the run key that the same config has without `shard` and `bindings`, so that the same
command finds it as if it had been made at once. Nothing here needs the model or the data.
`python -m pathpatch_runner.collect` is the command.
"""
