# make night    from nothing to published marts        make test    the tests of a commit
# Everything else is one command: ./nightshift --help
SHELL := /bin/bash
PY := .venv/bin/python
unexport PYTHONDONTWRITEBYTECODE
UV := $(PY) -m uv pip install --quiet --python $(PY) --require-hashes

.PHONY: chaos ci dashboard superset night hour nights plan status test test-nightly test-on-demand bench lint docs pictures clean env env-test postgres java chromium
.DEFAULT_GOAL := night

# The environment is exactly the lock file; tests need a few packages more.
.venv/bin/uv:
	@python3.11 -m venv .venv || { echo "Python 3.11 with its venv module is needed (Debian: python3.11-venv)" >&2; exit 2; }
	@$(PY) -m pip install --quiet --disable-pip-version-check uv

.venv/installed: requirements.lock | .venv/bin/uv
	@$(UV) -r requirements.lock
	@touch $@

.venv/installed-test: requirements-test.lock | .venv/bin/uv
	@$(UV) -r requirements-test.lock
	@touch .venv/installed $@

# Spark beside what the tests need: the second engine is looked at every night.
.venv/installed-spark: requirements-spark.lock | .venv/bin/uv
	@$(UV) -r requirements-spark.lock
	@touch .venv/installed .venv/installed-test $@

# A plain `dbt build` needs the folder of its warehouse to be there.
env: .venv/installed
	@mkdir -p $${NIGHTSHIFT_HOME:-var}/dev
env-test: .venv/installed-test postgres

# What pip has not: $(call from_debian,its name,how it is found,Debian's packages,what its lack means).
define from_debian
@{ $(2); } >/dev/null 2>&1 || \
{ test $$(id -u) = 0 && apt-get -qq update && apt-get -qq install -y --no-install-recommends $(3); } >/dev/null 2>&1 || \
echo "No $(1) here, and it could not be installed; $(4) (Debian: apt-get install $(firstword $(3)))" >&2
endef

# Landing is tested against a real PostgreSQL. Without one its tests say that they were left out.
postgres:
	$(call from_debian,PostgreSQL server,ls /usr/lib/postgresql/*/bin/initdb || command -v initdb,postgresql,its tests are left out)

# Spark runs on Java.
java:
	$(call from_debian,Java,command -v java,openjdk-17-jre-headless,the tests on Spark are left out)

# Pages are looked at in a real browser by the longer tests.
chromium:
	$(call from_debian,Chromium,command -v chromium,chromium fonts-dejavu-core,the tests of pages will fail)

night: env
	@./nightshift night --sample

# Headlines of the newest hour the newsroom shipped (HOUR=2026-03-01T14:00Z: of that hour).
hour: env
	@./nightshift hour $(if $(HOUR),--at $(HOUR))

# The whole sample: a first load of 60 days, then 35 nights; then its first month is posted and closed in both books.
nights: env
	@./nightshift night --sample --first 60 --nights 35
	@./nightshift post
	@./nightshift build
	@./nightshift close 2025-11 --books finance
	@./nightshift close 2025-12 --books finance
	@./nightshift close 2025-12 --books royalties
	@./nightshift night

# The README's pictures, from the marts of the last night.
pictures: env
	$(PY) -m scripts.pictures

plan status docs: env
	@./nightshift $@

# Pages over the published marts, on http://localhost:8501.
.venv/installed-dashboard: requirements-dashboard.lock | .venv/bin/uv
	@$(UV) -r requirements-dashboard.lock
	@touch .venv/installed $@

dashboard: .venv/installed-dashboard
	@$(PY) -m streamlit run dashboard/app.py

# Superset with the dashboard of bi/superset, on http://localhost:8088 (PORT=…), in an environment of its own.
.venv-superset/installed: requirements-superset.lock | .venv/bin/uv
	@test -x .venv-superset/bin/python || python3.11 -m venv .venv-superset
	@$(PY) -m uv pip install --quiet --python .venv-superset/bin/python --require-hashes -r requirements-superset.lock
	@touch $@

superset: .venv-superset/installed
	@.venv-superset/bin/python bi/superset/start.py --port $(or $(PORT),8088)

# Every step of a small world killed wherever it can be, run again, compared (KILLS=1000: so many random kills on top).
chaos: env
	@./nightshift chaos $(if $(KILLS),--kills $(KILLS))

# State under NIGHTSHIFT_HOME (var/), never sources.
clean: env
	@./nightshift clean
	@rm -rf target logs .pytest_cache .ruff_cache .hypothesis

# A file of tests stays in one process, in order: some tell one story.
test: env-test
	$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile

test-nightly: .venv/installed-spark postgres java chromium
	$(PY) -m pytest -m nightly

test-on-demand: env-test chromium .venv-superset/installed
	$(PY) -m pytest -m on_demand

# What a branch changes, for a colleague to read: target/ci/review.md (AGAINST=origin/main: the branch it is for).
ci: env-test
	@./nightshift ci --against $(or $(AGAINST),main)

# What it costs, a night long; docs/performance.md says what came out here.
bench: env
	$(PY) -m scripts.bench.simulate --millions 12
	$(PY) -m scripts.bench.land --threads 1 --threads 2
	$(PY) -m scripts.bench.nights
	$(PY) -m scripts.bench.finance
	$(PY) -m scripts.bench.royalties
	$(PY) -m scripts.bench.search
	$(PY) -m scripts.bench.recommend
	$(PY) -m scripts.bench.fraud_features --keep
	$(PY) -m scripts.bench.hours
	$(PY) -m scripts.bench.headlines
	$(PY) -m scripts.bench.emails --mails 200000 --members 2000000
	$(PY) -m scripts.bench.questions --keep
	$(PY) -m scripts.bench.reach --listeners 1000000
	$(PY) -m scripts.bench.year --anew
	$(PY) -m scripts.bench.alarms --keep
	$(PY) -m scripts.bench.page --write

lint: env-test
	$(PY) -m ruff check .
	./nightshift sources --check
	./nightshift rules
	@mkdir -p target/lint/dev
	NIGHTSHIFT_HOME=target/lint $(PY) -m sqlfluff lint --disable-progress-bar --processes 0 models campaigns tests/sql
