"""Fixtures shared by the tests."""

from __future__ import annotations

import os

import pytest
from estate import Estate
from hypothesis import HealthCheck, settings
from ledger_fixtures import built_ledger, ledger  # noqa: F401  (fixtures)
from postgres_server import MISSING, programs, running_server

from scripts import backends

# A slow or busy machine is no failure; and what holds a commit up is the same in every run, what looks further is not.
settings.register_profile("commit", deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
settings.register_profile("nightly", deadline=None, suppress_health_check=list(HealthCheck))

# Tests start dbt many times; compiling its 1,400 modules at each start would double what they take.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_configure(config):
    is_commit = "not nightly" in (config.option.markexpr or "")
    settings.load_profile("commit" if is_commit else "nightly")


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server, started once for all tests that ask for it."""
    if programs() is None:
        pytest.skip(MISSING)
    with running_server() as server:
        yield server


@pytest.fixture
def estate(tmp_path, monkeypatch):
    """A small company: its backends' YAML and an empty home, pseudonyms the same in every run."""
    found = Estate(tmp_path)
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(found.home))
    monkeypatch.setenv("NIGHTSHIFT_PSEUDONYM_SEED", "test")
    monkeypatch.setenv("NIGHTSHIFT_MASTER_KEY", "11" * 32)
    monkeypatch.setattr(backends, "PROJECT", found.project)
    return found
