# Every target sets up what it needs by itself: see tools/setup. `make help` lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

PY := .venv/bin/python
CODE := $(wildcard rpcgss transport xdr examples tests bench)
X_FILES := $(sort $(wildcard rpcgss/*/*.x examples/*/*.x tests/gss/*.x))

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## Install what is missing: Debian packages, .venv, Python packages (every other target does this first)
	@PYTHON='$(PYTHON)' tools/setup

.PHONY: demo
demo: setup ## The whole story in a throwaway Kerberos realm: NFS copies while the server drops contexts (ARGS="--workers 2")
	@$(PY) -m examples.demo $(ARGS)

.PHONY: test
test: setup-test ## Run all tests (make test ARGS="-k window" for some)
	@$(PY) -m pytest $(ARGS)

.PHONY: setup-test setup-interop setup-kernel
setup-test setup-interop setup-kernel: setup-%:
	@PYTHON='$(PYTHON)' tools/setup $*

.PHONY: interop
interop: setup-interop ## Run the tests against other implementations (needs root or sudo, for a network of its own)
	@tools/box env PYTHONDONTWRITEBYTECODE=1 $(PY) -m pytest -p no:cacheprovider -m "not kernel" $(or $(ARGS),tests/interop)

.PHONY: interop-kernel
interop-kernel: setup-kernel ## Run the NFS server against Linux' own client in a virtual machine
	@tools/guest
	@$(PY) -m pytest -m kernel tests/interop

.PHONY: mutations
mutations: setup-test ## Switch each check of docs/conformance.md off, and see that its tests notice (ARGS=NAME for one)
	@$(PY) -m tests.mutations $(ARGS)

.PHONY: coverage
coverage: setup-test ## Run all tests and report branch coverage of the files without I/O
	@$(PY) -m coverage run -m pytest $(ARGS)
	@$(PY) -m coverage report

.PHONY: corpus
corpus: setup ## What the XDR compiler makes of other people's .x files (RPCGSS_CORPUS, default ../shared/xcorpus)
	@$(PY) -m tests.xdr.corpus

.PHONY: bench
bench: $(if $(LIBNFS),setup-interop,setup-test) ## Speed beside other implementations, for docs/performance.md (QUICK=1 only prints; PYNFS=, LIBNFS=: see there)
	@QUICK='$(QUICK)' PYNFS='$(PYNFS)' LIBNFS='$(LIBNFS)' $(PY) -m bench

.PHONY: bench-xdr
bench-xdr: setup ## The XDR codec beside xdrlib3, as ratios of one run
	@$(PY) -m bench.xdr

.PHONY: load
load: setup ## Busy clients beside idle, slow and hostile peers: figures for docs/load.md (make load QUICK=1 only prints)
	@QUICK='$(QUICK)' $(PY) -m bench.load

.PHONY: bench-reauth
bench-reauth: setup-test ## Recovery by ticket beside krb5, and storms, for docs/reauth-performance.md (QUICK=1 only prints)
	@QUICK='$(QUICK)' $(PY) -m bench.reauth

.PHONY: fuzz
fuzz: setup-test ## Hostile octets for every generated type (make fuzz SECONDS=600)
	@$(PY) -m tests.xdr.fuzz --seconds $(or $(SECONDS),60)

.PHONY: check
check: setup ## Format, lint, types, drift of generated code, import order
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m ruff check $(CODE)
	$(PY) -m mypy $(CODE)
	$(PY) -m xdr compile --check $(X_FILES)
	$(PY) -m pytest -q tests/test_layout.py

.PHONY: format
format: setup ## Format the code and mend what the linter can mend
	$(PY) -m ruff format $(CODE)
	$(PY) -m ruff check --fix $(CODE)

.PHONY: generate
generate: setup ## Compile every .x file again: NAME.x becomes NAME_xdr.py beside it
	$(PY) -m xdr compile $(X_FILES)

.PHONY: lock
lock: ## Pin the newest Python packages that pyproject.toml allows
	@PYTHON='$(or $(PYTHON),python3)' tools/lock

.PHONY: clean
clean: ## Remove .venv and everything that tools have left behind
	rm -rf .venv .setup.lock .guest .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov build dist
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
