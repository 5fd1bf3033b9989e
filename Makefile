SHELL := /bin/bash
PY := .venv/bin/python
HOME_DIR := $(or $(NIGHTSHIFT_HOME),var)

.PHONY: env night test
.DEFAULT_GOAL := night

.venv/installed: requirements-test.lock
	@test -x $(PY) || python3.11 -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@$(PY) -m uv pip install --quiet --python $(PY) --require-hashes -r requirements-test.lock
	@touch $@

env: .venv/installed

night: env
	./nightshift night --sample

test: env
	$(PY) -m pytest
