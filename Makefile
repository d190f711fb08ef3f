# The two commands of the README: `make quickstart` and `make test`.
# Everything is set up in .venv from requirements.lock; nothing else on the machine is touched.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: quickstart test test-slow test-ray check lint conformance agreement bench bench-full house soak lock readme embedded-model clean

quickstart: .venv/ready
	$(BIN)/opro optimize configs/quickstart.yaml

test: .venv/ready
	$(BIN)/pytest -n auto -m "not (slow or hub or browser or ray)"

# What takes seconds each: real processes that are killed, real servers, whole sweeps.
test-slow: .venv/ready
	$(BIN)/pytest -n auto -m "slow and not (hub or browser or ray)"

check: lint test test-slow

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Sweeps on a real Ray cluster of two nodes, on this machine; gets Ray (76 MB) into .venv.
test-ray: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/ray.lock
	$(BIN)/pytest -q -m ray

# Every vector of the paper's reference, from OPRO_VECTORS=DIR or ../shared/vectors.
conformance: .venv/ready
	OPRO_VECTORS="$${OPRO_VECTORS:-../shared/vectors}" $(BIN)/pytest -q tests/conformance

# Kills at random moments: 200 of runs, 300 of all that writes beside them, and twenty rounds of ten
# evaluations of one cell at once; the seeds are printed (OPRO_KILL_SEED repeats one).
soak: .venv/ready
	OPRO_KILLS=200 $(BIN)/pytest -q -n auto -rP tests/cli/test_process.py -k killed_at_any_moment
	OPRO_KILLS=300 $(BIN)/pytest -q -n auto -rP tests/cli/test_kills.py
	OPRO_ROUNDS=20 $(BIN)/pytest -q -n auto tests/cli/test_eval_at_once.py

# What time and chance do: one table, with targets; for comparing days, on a machine at rest.
bench: .venv/ready
	$(BIN)/python -m tests.bench

# The same and what takes long: 200 steps, thousands of simulated races and searches, real races.
bench-full: .venv/ready
	$(BIN)/python -m tests.bench --full

# The size and shape of the code, and how many files a run goes through.
house: .venv/ready
	@$(BIN)/python -m tests.house

# How often the default parser and the paper's read hand-labelled answers as a person does.
agreement: .venv/ready
	$(BIN)/python -m tests.metrics.agreement

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("opro needs Python 3.11 or newer: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Resolve the dependencies anew (needs uv).
lock:
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --python-version 3.11 pyproject.toml --group dev -o requirements.lock
	printf 'ray\nmsgpack\nprotobuf\n' | uv pip compile --quiet --universal --no-deps \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 - \
	  -o tests/ray.lock  # what Ray needs and opro does not

# Write the commands' help texts into README.md.
readme: .venv/ready
	$(BIN)/python -m tests.readme --write

# Train the embedded models from nothing, side by side (an hour and more on two cores), after
#   .venv/bin/pip install -e '.[train]'
embedded-model: .venv/ready
	$(BIN)/python -m opro_cli.embedded.training

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
