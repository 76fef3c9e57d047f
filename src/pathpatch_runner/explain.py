"""`python -m pathpatch_runner.explain "EXPR" model=gpt2 [key=value ...]`; `--help` says the keys.

A file of its own, which nothing imports: the library's `pathpatch_runner.explain` is a function.
"""

from __future__ import annotations

import sys

from pathpatch_runner.explanation.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
