# The verbs of a day's work; `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TESTED := .venv/.tested
EXTRAS := all
# One more than there are cores: tests of whole workflows spend much of their time waiting.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
# Tests of one file share their workflow, and so a worker; a test that ends its worker, or hangs
# (pyproject.toml), ends the run: xdist waits for ever for what a second worker did not take over.
TESTS := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 \
  --durations 25
# pip compiles one file after the other, for a minute and more; here all cores do. What no Python 3
# can compile (a template in some package) is no fault.
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt \
  --editable ".[$(EXTRAS)]" && { $(BIN)/python -m compileall -q -q -j 0 .venv/lib || true; }

# Containers often set it: each of a workflow's hundred processes would compile our sources anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo benchmark full transfer test coverage test-quick check format docs clean

help: ## list these verbs
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

setup: $(TESTED) ## make .venv with the package, its pinned dependencies, DVC and the tools of its tests

$(READY): pyproject.toml constraints.txt
	@case "$$PWD" in *[][:space:]\"\'\`\\\$$\&\;\|\<\>\(\)\*\?\[\{\}\~\#\!]*) \
	  echo "mmaq cannot run in $$PWD: Snakemake writes this path unquoted for a shell." \
	    "Move the clone to a path without blanks, quotes, brackets and the like."; exit 1;; esac
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "mmaq needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	@echo "Installing into .venv (PyTorch alone is some gigabytes; about three minutes)"
	$(PYTHON) -m venv .venv
	$(INSTALL)
	@echo $(EXTRAS) > $@

# Whoever wants the table need not wait for DVC, the SLURM executor and the tools of the tests; who
# wants those has all installed at once.
$(TESTED): EXTRAS := all,dev,orchestration
$(TESTED): $(READY)
	@grep -qx $(EXTRAS) $(READY) || { $(INSTALL); }
	@touch $@

demo: $(READY) ## a small land, raw satellites to a map and a report, in a few minutes
	$(BIN)/mmaq run --cores all results/demo/map/city.html results/demo/report.html \
	  --configfile config/demo.yaml
	@echo "Open results/demo/map/city.html (the map, its truth, where to trust it) and results/demo/report.html"

benchmark: $(READY) ## raw satellites to results/benchmark.csv, results/report.html and a map
	$(BIN)/mmaq run --cores all results/benchmark.csv results/report.html results/map/city.html

full: $(READY) ## every method, five seeds, on two simulated countries (hours)
	$(BIN)/mmaq run --cores all results/full/benchmark.csv results/full/report.html \
	  --configfile config/full.yaml
	$(BIN)/mmaq run --cores all results/full-2/benchmark.csv results/full-2/report.html \
	  --configfile config/full.yaml --config name=full-2 'simulate={seed: 2}'

transfer: $(READY) ## the transfer tasks alone, 400 plants each tested once (40 minutes on 2 cores)
	$(BIN)/snakemake --cores all results/transfer/benchmark.csv --configfile config/transfer.yaml

test: $(TESTED) ## the whole test suite
	$(TESTS)

coverage: $(TESTED) ## the same with the share of lines that it runs, which takes half as long again
	$(TESTS) --cov=mmaq --cov-fail-under=85

test-quick: $(TESTED) ## the tests that take seconds
	$(TESTS) -m "not slow"

check: $(TESTED) ## formatting, lint, types, which room imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/snakemake --lint

format: $(TESTED) ## format Python and Snakemake files, keep notebooks as their text
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules workflow
	$(BIN)/jupytext --quiet --sync docs/notebooks/*.py

docs: $(TESTED) ## the documentation site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

environment.yaml: pyproject.toml
	$(PYTHON) workflow/environment.py

clean: ## remove what the pipeline made (not .venv, nor your own tables and images in data/raw)
	rm -rf results checkpoints logs .snakemake
	[ ! -L data ] || rm data
	[ ! -d data ] || find data -mindepth 1 -maxdepth 1 ! -name raw -exec rm -rf {} +
