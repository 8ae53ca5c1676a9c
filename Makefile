# `make` alone lists what there is to make.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
# The stamp holds the folder's path: a moved folder needs a new environment.
MOVED := $(if $(filter $(CURDIR),$(shell cat $(STAMP) 2>/dev/null)),,moved)
PORT ?= 8000
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help install book serve test run page format home colab bench models web experiments pin clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)
	@echo "Options: PYTHON=python3.12 chooses the interpreter."

install: $(STAMP)  ## create .venv with the pinned packages

book: $(STAMP)  ## build the site into _build/html
	@$(PY) tools/build.py

serve: $(STAMP)  ## serve the built site on 127.0.0.1 (PORT=8000)
	@test -f _build/html/index.html || $(PY) tools/build.py
	@echo "http://127.0.0.1:$(PORT)/ (Ctrl-C ends it)"
	@$(PY) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

test: $(STAMP)  ## run every check (WITHOUT=browser leaves a step out)
	@$(PY) tools/test.py $(WITHOUT:%=--without %)

run: $(STAMP)  ## execute the pages in order (PAGE=03-counting/n-grams: one)
	@$(PY) tools/notebooks.py run $(PAGE)

page: $(STAMP)  ## start a page (NAME=03-counting/new-page)
	@$(PY) tools/page.py "$(NAME)"

format: $(STAMP)  ## put code and pages in form
	@$(PY) -m ruff check --fix --quiet .
	@$(PY) -m ruff format --quiet .
	@$(PY) tools/notebooks.py write

home: $(STAMP)  ## move the book (REPO=https://github.com/you/fork)
	@$(PY) tools/home.py "$(REPO)" $(BRANCH)

colab: $(STAMP)  ## run each page as a reader in Colab would (PAGE=… one)
	@$(PY) tools/colab.py $(PAGE)

bench: $(STAMP)  ## compare speed with the public packages
	@$(PY) -m pip install --quiet -r benchmarks/requirements.txt
	@for file in benchmarks/*.py; do $(PY) $$file || exit 1; done

models: $(STAMP)  ## train the models that come with the book (MODEL=lstm)
	@$(PY) tools/models.py $(MODEL)
	@$(PY) tools/web.py

web: $(STAMP)  ## write the models that the site's pages run
	@$(PY) tools/web.py

experiments: $(STAMP)  ## run what pages show (EXPERIMENT=scaling: one)
	@$(PY) tools/experiments.py $(EXPERIMENT)

pin: $(STAMP)  ## resolve pyproject.toml into requirements.txt
	@$(PY) -m pip install --quiet uv
	@$(PY) tools/pin.py

clean:  ## remove the built site and caches, keep .venv
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(STAMP): requirements.txt pyproject.toml tools/install.sh $(MOVED)
	@sh tools/install.sh $(VENV)

.PHONY: moved
