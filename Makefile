# `make chat` and `make test` do all set-up themselves. PORT, STORE and PYTHON may be set.
PYTHON ?= python3
PORT ?= 7860
STORE ?= .konkyo/store
# Torch for the CPU alone, where its index can be reached: that of PyPI brings 2.7 GB for GPUs.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH = $(shell $(PYTHON) -c "from urllib.request import urlopen as u; \
  u('$(TORCH_INDEX)/torch/', timeout=5)" 2>/dev/null && echo --extra-index-url $(TORCH_INDEX))
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev models index chat test lint check format docs torture attack clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on $(TORCH) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --disable-pip-version-check $(TORCH) -e '.[dev]'
	touch $@

setup: $(VENV)/.installed ## Make .venv and install Konkyo in it
dev: $(VENV)/.dev ## The same with what tests need

models: setup ## Fetch the default models (about 1.2 GB, once)
	$(BIN)/konkyo models pull

index: models ## Build or refresh the index over seeds/
	$(BIN)/konkyo index build seeds --store $(STORE)

chat: index ## Set everything up and open the chat on 127.0.0.1:$(PORT)
	$(BIN)/konkyo chat --store $(STORE) --port $(PORT)

test: dev models ## Set everything up and run the tests
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

format: dev ## Rewrite the code in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: dev ## Format, lint and types, nothing rewritten
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test ## Format, lint, types, tests: what CI runs

docs: dev ## Write the reference pages from the code and build the documentation in site/
	$(BIN)/python -m konkyo.ui.cli.reference docs
	$(BIN)/mkdocs build

torture: dev ## Kill two hundred builds at random moments and see that nothing is lost
	$(BIN)/python benchmarks/torture.py --kills 200 --out benchmarks/results/torture.txt

attack: dev models ## Attack everything: 1,000 kills, 1,000,000 inputs; hours, goes on where it stopped
	$(BIN)/python -m benchmarks.attack --kills 1000 --inputs 1000000 --work .konkyo/attack

clean: ## Remove what set-up and builds left in this folder (not the models)
	rm -rf $(VENV) .konkyo build site *.egg-info
