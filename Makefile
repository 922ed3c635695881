# Everything is built into .venv from requirements.lock, and requirements-dev.lock for tests (hashes, no registry's
# address); `make help` lists the verbs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCK   := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check fast lint types house docs bench lock clean

help:  ## list these verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/.built: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python >= 3.11 is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.built requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/.dev renderer  ## build the environment from the lock files

# LHC-Forms renders the DTR app's forms. Its prebuilt files are fetched by name and version, checked, and never committed;
# without npm the app says what is missing and all else works.
LFORMS := 40.1.3
LFORMS_SHA256 := 288cff4360e8a90a44e994a01422d2cf970170000ce915b5739ccc383097edd9
RENDERER := app/dtr/renderer
.PHONY: renderer
renderer: $(RENDERER)/lforms-$(LFORMS).tgz  ## fetch the form renderer of the DTR app (needs npm)

$(RENDERER)/lforms-$(LFORMS).tgz:
	@command -v npm >/dev/null || { echo "npm is not here: the DTR app goes without its form renderer"; exit 0; }; \
	mkdir -p $(RENDERER) && cd $(RENDERER) && npm pack --silent lforms@$(LFORMS) >/dev/null \
	&& echo "$(LFORMS_SHA256)  lforms-$(LFORMS).tgz" | sha256sum --check --quiet \
	&& tar xzf lforms-$(LFORMS).tgz --strip-components=4 --no-anchored webcomponent/lhc-forms.js webcomponent/styles.css \
	   webcomponent/down_arrow_gray_10_10.png webcomponent/magnifying_glass.png \
	&& tar xzf lforms-$(LFORMS).tgz --strip-components=6 --no-anchored assets/lib/zone.min.js \
	&& tar xzf lforms-$(LFORMS).tgz --strip-components=5 package/dist/lforms/fhir/R4/lformsFHIR.min.js \
	|| { rm -f lforms-$(LFORMS).tgz; echo "the form renderer could not be fetched; 'make renderer' tries again"; }

demo: $(VENV)/.built  ## tell the whole story over HTTP, then stay up (make demo ONCE=1 ends with exit code 0 or 1)
	@$(BIN)/priorauth demo $(if $(ONCE),--once)

serve: $(VENV)/.built  ## run the service on sample data in ./data
	@test -f data/payer.yaml || { mkdir -p data && cp -r fixtures/payer/. data/; }
	$(BIN)/priorauth migrate --data data
	$(BIN)/priorauth directory load --data data
	PRIORAUTH_ALLOW_LOOPBACK_HTTP=1 $(BIN)/priorauth serve --data data

test: setup  ## lint, types, import contracts and every test
	$(MAKE) --no-print-directory lint types house
	$(BIN)/python -m pytest

check: setup  ## the same with the fast tests only, under a minute
	$(MAKE) --no-print-directory lint types house
	$(BIN)/python -m pytest -q -m "not journey and not slow"

lint: setup  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## mypy
	$(BIN)/mypy

house: setup  ## the import contracts
	$(BIN)/lint-imports

bench: setup  ## measure the service beside an echo and write docs/benchmarks.md (SMALL=1: try only; INQUIRE=1: a million cases)
ifdef INQUIRE
	$(BIN)/python -m bench.inquiries $(if $(SMALL),--small)
else
	$(BIN)/python -m bench $(if $(SMALL),--small)
	$(BIN)/python -m bench.hooks $(if $(SMALL),--small)
	$(BIN)/python -m bench.cql $(if $(SMALL),--small)
	$(BIN)/python -m bench.populate $(if $(SMALL),--small)
	$(BIN)/python -m bench.validation $(if $(SMALL),--small)
	$(BIN)/python -m bench.policies $(if $(SMALL),--small)
	$(BIN)/python -m bench.inquiries --small
endif

docs: setup  ## write docs/conformance.md from the requirement markers, library.md and prepopulation.md from the forms
	$(BIN)/python -m tests.conformance
	$(BIN)/python -m tests.library_page
	$(BIN)/python -m tests.questionnaires.prepopulation

lock:  ## resolve the lock files anew (needs uv)
	$(LOCK) --extra build --extra postgres -o requirements.lock
	$(LOCK) --extra build --extra postgres --extra dev -c requirements.lock -o requirements-dev.lock

clean:  ## remove what was built
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
