"""`python -m pathpatch_runner experiment=...`: the same as `pathpatch-runner`."""

from pathpatch_runner.cli import main

if __name__ == "__main__":
    main()
