"""Run an experiment.

python run.py experiment=induction                  one experiment
python run.py experiment=induction runtime.dry_run=true    its plan only
python run.py -m experiment=induction seed=0,1,2    a sweep
python run.py --config-dir mine experiment=my       an experiment file of your own
python run.py --help                                all groups and fields
"""

from pathpatch_runner.cli import main

if __name__ == "__main__":
    main()
