# Two commands do all the set-up: `make demo` and `make test`.
#
# Everything goes into .venv, in exact versions (constraints.txt). A stamp file remembers that it is
# done, so that a second call starts at once.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Python compiles what is imported and keeps that, unless told not to; each process would do it again.
KEEP := PYTHONDONTWRITEBYTECODE=
RUN := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(KEEP)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: install demo test check bench bench-long browser clean

install: $(STAMP)

# The pip of the day takes two thirds of the time of the one that comes with Python 3.11.
# torch comes first and alone: with this pin pip takes a build that runs anywhere, and everything
# installed after it finds its need met.
# pip would compile all of it, which is half of its time, and of which a third is ever imported: that
# is compiled at the first import, and torch, which all wait for, on another core while pip works.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Evenhand needs Python 3.11 or newer; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(PIP) "$$(grep '^pip==' constraints.txt)"
	$(PIP) --no-compile "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m compileall -qq -x '/testing/' .venv/lib/*/site-packages/torch & \
	$(PIP) --no-compile --constraint constraints.txt --editable ".[fast,lora,bench,dev]" && wait
	$(KEEP) $(BIN)/python -m ratings.compiling
	touch $(STAMP)

demo: $(STAMP)
	$(KEEP) $(BIN)/arena demo

# A browser from the PATH is used as it is; else Debian's, where we may install it; else Playwright's.
# It waits for nothing, so that `make --jobs=2` fetches it while pip works.
HAS_BROWSER := command -v chromium || command -v chromium-browser || command -v google-chrome
browser:
	@{ $(HAS_BROWSER); } >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; } \
	|| echo "Debian's chromium could not be installed; the tests take Playwright's"

# Three at a time even on two cores: tests of pages and of processes mostly wait. A file is whole in
# one process, as its servers and checkpoints are made once; which comes first is in tests/conftest.py.
test: $(STAMP) browser
	@{ $(HAS_BROWSER); } >/dev/null || $(BIN)/playwright install chromium \
	|| echo "No browser could be fetched, so the tests that need one are skipped. Install Debian's:" \
	"apt-get install chromium fonts-noto-cjk" >&2
	$(RUN) $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(RUN) $(BIN)/python benchmarks/run.py

bench-long: $(STAMP)
	$(RUN) $(BIN)/python benchmarks/run.py --long

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
