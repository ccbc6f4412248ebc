# Everything a contributor runs; the CI calls the same targets. Needs Rust, a C compiler, make and Python 3.

PYTHON ?= python3
# Extra flags for every cargo call, such as CARGO_FLAGS=--locked.
CARGO_FLAGS ?=
# Seeds of make soak.
SEEDS ?= 500
FIRST ?= 1

VENV := .venv
VENV_PYTHON := "$(CURDIR)/$(VENV)/bin/python"

.DEFAULT_GOAL := help
.PHONY: help build test e2e soak lint demo bench sim shape venv clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program (target/debug/gong-elt) and the simulator (target/debug/gong-sim)
	cargo build $(CARGO_FLAGS) --workspace

test: shape venv ## Run everything: shape of the code, unit, simulator and end-to-end tests
	GONG_ELT_PYTHON=$(VENV_PYTHON) cargo test $(CARGO_FLAGS) --workspace

e2e: venv ## Run the end-to-end tests only; make e2e T=name for those whose name holds it
	GONG_ELT_PYTHON=$(VENV_PYTHON) cargo test $(CARGO_FLAGS) --test e2e -- $(T)

soak: venv ## Run the seeded fault run over SEEDS=500 seeds from FIRST=1 on
	GONG_ELT_PYTHON=$(VENV_PYTHON) SEEDS=$(SEEDS) FIRST=$(FIRST) cargo test $(CARGO_FLAGS) --test e2e -- chaos::seeded --nocapture

lint: ## Check format and clippy, without a warning
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

demo: build venv ## Show the program at work on a simulated account; leaves its files in demo/
	$(VENV_PYTHON) -B tests/demo/demo.py

bench: ## Measure requests and rate against the goals (release builds); make bench ARGS="w2 night"
	cargo build $(CARGO_FLAGS) --release --workspace
	$(PYTHON) -B tests/bench/bench.py $(ARGS)

sim: ## Serve a simulated account on a free port until Ctrl-C; make sim ARGS="--seed 7 --calls 500"
	cargo run $(CARGO_FLAGS) --package gong-sim -- serve $(ARGS)

shape: ## Check the shape of the code: lengths, imports, leftovers, schema files
	$(PYTHON) -B tests/shape/test_shape.py --quiet
	$(PYTHON) -B tests/shape/shape.py

venv: $(VENV)/ready ## Make .venv with the Python packages of tests/requirements.txt

$(VENV)/ready: tests/requirements.txt
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "Python's venv module is not complete. Install it; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@touch $@

clean: ## Remove what was built: target/, .venv/ and demo/
	cargo clean
	rm -rf $(VENV) demo
