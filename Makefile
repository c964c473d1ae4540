# Recert's doors. A fresh machine needs git, make and Python 3.11 or newer; everything else is fetched by these.
.DEFAULT_GOAL := help
.PHONY: help demo test check soak bench lock clean
.NOTPARALLEL:

PYTHON ?= python3
# Settings for other people's environments have no business in ours.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE PIP_TARGET PIP_PREFIX PIP_USER

# A mark stands in .venv only while the environment is whole, and bears the fingerprint of all that went in. So the
# second start is instant, an interrupted one is made anew, and a changed lock file is noticed whatever its date.
fingerprint = $(shell { pwd -P; cat $(1) /dev/null; } 2>/dev/null | cksum | tr -d ' ')
MADE    := .venv/recert-made-$(call fingerprint,)
RUNTIME := .venv/recert-runtime-$(call fingerprint,requirements.lock requirements-build.lock pyproject.toml)
DEV     := .venv/recert-dev-$(call fingerprint,requirements-dev.lock requirements-build.lock pyproject.toml)
LOG     := .venv/install.log
# An environment whose Python was taken away (upgraded, removed) is not whole either.
$(shell .venv/bin/python -c 'import pip' 2>/dev/null || rm -f .venv/recert-*)

# No commas in what they are given: make would take the rest for another argument.
say  = echo 'Recert: $(1)'
fail = { echo "Recert: $(1)" >&2; exit 1; }

help:
	@echo 'make demo          sample organisation, whole stack, one rollout (AUTO=1 answers the gates and ends)'
	@echo 'make test          all tests, two at a time (ARGS="tests/mail -k retry" for some, one after the other)'
	@echo 'make check         what CI runs: lint, format, types, all tests'
	@echo 'make soak          the long sweeps of kills and interleavings, about an hour (ARGS="--seed 7" draws another one)'
	@echo 'make bench         the measurements, into bench.json (ARGS="--learners 1000000" for another size)'
	@echo 'make lock          pyproject.toml -> lock files (UPGRADE=1 takes the newest versions)'
	@echo 'make clean         remove .venv'

# Much of the tests' time is waiting for servers: two processes go through all of them.
SIDE_BY_SIDE := -n 2

demo: $(if $(wildcard $(DEV)),$(DEV),$(RUNTIME))
	@.venv/bin/recert demo $(if $(filter-out 0,$(AUTO)),--auto)

test: $(DEV)
	@$(call say,running the tests …)
	@.venv/bin/python -m pytest $(or $(ARGS),$(SIDE_BY_SIDE))

check: $(DEV)
	@$(call say,reading the code for faults (ruff check) …)
	@.venv/bin/ruff check .
	@$(call say,checking the format (ruff format) …)
	@.venv/bin/ruff format --check .
	@$(call say,checking the types (mypy --strict) …)
	@.venv/bin/mypy
	@$(call say,running all tests …)
	@.venv/bin/python -m pytest $(SIDE_BY_SIDE)

soak: $(DEV)
	@$(call say,killing senders and whole rollouts thousands of times …)
	@.venv/bin/python -m pytest -m soak $(ARGS)

bench: $(DEV)
	@$(call say,measuring …)
	@.venv/bin/python tests/bench/engine.py --json bench.json $(ARGS)
	@.venv/bin/python tests/bench/imports.py --json bench.json $(ARGS)
	@.venv/bin/python tests/bench/pages.py --json bench.json $(ARGS)
	@.venv/bin/python tests/bench/letters.py
	@.venv/bin/python tests/bench/mail.py --json bench-mail.json

clean:
	@$(call say,removing .venv …)
	@rm -rf .venv

# The environment: exactly what the lock file names, each file checked against its hash, and Recert itself on top. What
# builds Recert is locked as well; it is put aside for that one moment, so that nothing unchecked is ever fetched.
$(RUNTIME): LOCK := requirements.lock
$(DEV): LOCK := requirements-dev.lock
PIP := $(CURDIR)/.venv/bin/python -m pip --no-input --disable-pip-version-check install
BUILD := $(CURDIR)/.venv/build

$(RUNTIME) $(DEV): | $(MADE)
	@rm -rf .venv/recert-* '$(BUILD)'
	@$(call say,installing what $(LOCK) names; the first time takes a minute or two …)
	@{ $(PIP) --require-hashes -r $(LOCK) \
	&& $(PIP) --require-hashes -r requirements-build.lock --target '$(BUILD)' \
	&& PYTHONPATH='$(BUILD)' $(PIP) --no-deps --no-build-isolation -e . ; } > $(LOG) 2>&1 \
	|| { if grep -qE '$(UNREACHABLE)' $(LOG); then why='the package index cannot be reached: connect and run make again'; \
	     else why=$$(grep -m1 '^ERROR' $(LOG) || echo 'pip failed'); fi; $(call fail,$$why (all that pip said: $(LOG))); }
	@rm -rf '$(BUILD)'
	@touch $(MADE) $@

UNREACHABLE := NewConnectionError|NameResolutionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError|Max retries

$(MADE):
	@command -v $(PYTHON) >/dev/null || $(call fail,no program '$(PYTHON)'; name a Python 3.11 or newer: make PYTHON=/path/to/python)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| $(call fail,'$(PYTHON)' is $$($(PYTHON) --version 2>&1); Recert needs 3.11 or newer: name one with make PYTHON=python3.12)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	|| $(call fail,'$(PYTHON)' comes without venv; install it (Debian, Ubuntu: apt install python3-venv) and run make again)
	@$(call say,making a virtual environment in .venv …)
	@said=$$($(PYTHON) -m venv --clear .venv 2>&1) || $(call fail,no virtual environment could be made: $$said)
	@touch $@

# Stock pip refuses a locked `name[extra]` unless the plain `name` is locked as well, hence the twins.
UV      := uv==0.13.9
COMPILE  = "$$tools/bin/uv" pip compile $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes \
           --no-header --no-annotate --no-emit-index-url --no-strip-extras --quiet
TWINS   := /^[^ ]/ { if (twin) printf "%s", twin; twin = "" } \
           { print } \
           /^[a-zA-Z0-9_.-]+\[/ { line = $$0; sub(/\[[^]]*\]/, "", line); twin = line "\n"; next } \
           twin { twin = twin $$0 "\n" } \
           END { if (twin) printf "%s", twin }

lock:
	@$(call say,resolving pyproject.toml into the lock files with a uv of their own …)
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/python" -m pip --quiet --disable-pip-version-check install $(UV); \
	$(COMPILE) pyproject.toml -o requirements.lock; \
	$(COMPILE) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock; \
	printf 'hatchling\neditables\n' | $(COMPILE) - -c requirements-dev.lock -o requirements-build.lock; \
	for lock in requirements.lock requirements-dev.lock; do \
	    awk '$(TWINS)' $$lock > "$$tools/lock"; cat "$$tools/lock" > $$lock; \
	done
