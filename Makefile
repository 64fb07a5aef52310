# Two commands do all the set-up on a fresh machine: `make demo` and `make test`. Both may be run again at once,
# and both work without a network once the packages are there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The stamp carries a digest of the pins: it is made anew exactly when they change.
PINS := $(shell cksum constraints.txt pyproject.toml | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(PINS)
# Where the twin's data and database live for `make demo` and `make serve`; empty means the user's data directory.
export LDT_DATA_DIR ?=

.PHONY: help install postgis install-qgis gdal browser peers wrk qgis demo serve test lint types imports tests soak bench docs pins clean

help:
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

install: postgis $(STAMP) ## the virtual environment and PostGIS

postgis:
	@sh tools/install-postgis.sh

install-qgis:
	@sh tools/install-qgis.sh

gdal:
	@sh tools/install-gdal.sh

wrk:
	@sh tools/install-wrk.sh

browser:
	@sh tools/install-browser.sh

peers:
	@PYTHON="$(PYTHON)" sh tools/install-peers.sh

$(STAMP): constraints.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the Python packages: a few minutes the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: install ## build the sample city and serve it
	@# Ctrl-C is how one ends it, not a failure.
	$(BIN)/ldt demo || test $$? -eq 130

serve: install ## serve what is in the database
	$(BIN)/ldt serve

test: install install-qgis gdal browser peers lint types imports tests ## everything that CI checks

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

tests:
	$(BIN)/pytest -n 2 --dist loadfile -m "not soak"

qgis: install install-qgis ## opens, pages and filters every collection in QGIS, without a screen
	$(BIN)/pytest tests/clients/test_qgis.py tests/e2e/test_qgis.py

soak: install peers wrk ## long load, growth and fuzz runs
	$(BIN)/pytest -m soak

bench: install install-qgis peers wrk ## measures against the physical limit and beside peers; writes docs/benchmarks.md
	$(BIN)/python -m bench

docs: install ## the documentation site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pins: $(STAMP) ## resolve the pins anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o constraints.txt
	$(BIN)/uv pip compile tools/peers.in --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --quiet -o peers-constraints.txt

clean: ## what make made (not the user's data)
	rm -rf $(VENV) .peers site reports .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
