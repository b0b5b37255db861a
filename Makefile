# make demo | test | run | check: each works on a machine that has only Python 3.11 to 3.13.
.PHONY: help demo test run check environment environment-dev
.DEFAULT_GOAL := help

# The first Python that fits; PYTHON=... chooses another one.
ifndef PYTHON
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -S -E -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& echo "$$p" && break; done)
endif
BIN := .venv/bin
# How many tests run at a time; each gets one core, since threads that wait for each other spin.
JOBS ?= 2

help:
	@echo "make demo   real learning from end to end, in the window or, without a display, in the terminal"
	@echo "make run    the application"
	@echo "make test   all tests; they need no display"
	@echo "make check  lint, format, types and the contracts between the layers"

environment environment-dev:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; on Debian and Ubuntu: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -S packaging/environment.py gui $(if $(filter environment-dev,$@),dev)

demo: environment
	@$(BIN)/tlstudio demo

run: environment
	@$(BIN)/tlstudio

test: environment-dev
	QT_QPA_PLATFORM=offscreen OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST)

check: environment-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=plugins $(BIN)/lint-imports
