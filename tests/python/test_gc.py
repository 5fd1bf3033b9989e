"""What is let go, what never is, and that the next night does not notice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from datetime import date, timedelta

import duckdb
import pytest
from estate import DAY, payments, plays
from fake_warehouse import FakeWarehouse
from test_backup import forked, run
from test_night import make
from test_publish import MARTS, all_marts

from scripts import retention, sizes
from scripts.console import DONE, USAGE
from scripts.files import files_below, replace_json
from scripts.gc import gc
from scripts.home import PROJECT
from scripts.publish import publish
from scripts.warehouse import warehouse_file

LATER = DAY + timedelta(days=200)


def keep(root, monkeypatch, **changes):
    """The project's retention with other values, for ``gc`` to read."""
    text = (PROJECT / "retention.yml").read_text()
    for name, value in changes.items():
        layer, _, setting = name.partition("__")
        text, found = re.subn(rf"({layer}:\n(?:  #.*\n)*  {setting}: ).*", rf"\g<1>{value}", text)
        assert found == 1, name
    (root / "retention.yml").write_text(text)
    monkeypatch.setattr(retention, "PROJECT", root)


def files(root, *layers):
    return {str(p.path).removeprefix(f"{root}/") for layer in layers for p in files_below(root / layer)}


@pytest.fixture
def old(estate):
    """A platform whose first day is 200 days ago: a dump, its correction, a refused file, rows in quarantine."""
    estate.ship("billing", "payments.csv", payments({}, {"amount": "many"}))
    estate.ship("billing", "prices.csv", "plan,amount\nsolo,9.99\n")
    estate.ship("playback", "plays.jsonl", plays({}))
    estate.declare("playback", {"plays.jsonl": {"rows": 1}})
    estate.land()
    estate.ship("billing", "prices.csv", "plan,amount\nsolo,8.99\n", f"{DAY + timedelta(days=1)}/for-{DAY}")
    estate.ship("members", "accounts.csv", "account_id,country\na1,DE\n", DAY)
    estate.ship("billing", "payments.csv", payments({"amount": "1.00"}), LATER)
    estate.declare("members", {"accounts": {"rows": 7}})
    assert estate.land().refused
    return estate


def test_originals_go_when_they_have_landed_and_nobody_misses_them(old, monkeypatch, capsys, tmp_path):
    keep(tmp_path, monkeypatch)
    before = files(old.home, "inbox", "landing", "quarantine")
    assert run(gc, "--dry-run", "-v") == (DONE, "")
    assert files(old.home, "inbox", "landing", "quarantine") == before
    said = capsys.readouterr().out
    assert re.search(r"inbox +120 days +originals that have landed +5 ", said), said
    assert run(gc) == (DONE, "")
    left = files(old.home, "inbox")
    assert left == {
        f"inbox/members/{DAY}/accounts.csv", f"inbox/members/{DAY}/_totals.json", f"inbox/billing/{LATER}/payments.csv"
    }  # fmt: skip
    assert files(old.home, "landing") >= {name for name in before if name.startswith("landing/billing")}
    again = old.land()
    assert not again.landed
    assert {label for label, _ in again.refused} == {f"members.accounts of {DAY}"}


def test_what_a_replay_needs_goes_only_when_the_yaml_says_so(old, monkeypatch, tmp_path):
    keep(tmp_path, monkeypatch, landing__superseded_days=30, inbox__days="forever", quarantine__days=30)
    dumps = files(old.home, "landing/billing/prices")
    assert run(gc) == (DONE, "")
    assert files(old.home, "landing/billing/prices") == dumps, "its original would land again as something new"
    assert not files(old.home, "quarantine")
    keep(tmp_path, monkeypatch, landing__superseded_days=30)
    assert run(gc) == (DONE, "")
    (left,) = old.manifests("billing.prices")
    assert left["arrived_on"] == str(DAY + timedelta(days=1))
    assert not old.land().landed


@pytest.mark.parametrize("point", ["", "gc:before-remove#2"])
def test_what_nobody_has_touched_goes(estate, monkeypatch, tmp_path, point):
    keep(tmp_path, monkeypatch)
    for name in ("logs/a.log", "spill/duckdb_temp_1.tmp", "target/compiled/old.sql", "target/manifest.json"):
        for age, prefix in ((40, "old"), (0, "new")):
            path = estate.home / name.replace(name.split("/")[-1], f"{prefix}-{name.split('/')[-1]}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            os.utime(path, (time.time() - age * 86_400,) * 2)
    if point:
        forked(gc, point)
    run(gc)
    left = {name.split("/")[-1] for name in files(estate.home, "logs", "spill", "target")}
    assert left == {"new-a.log", "new-duckdb_temp_1.tmp", "new-old.sql", "new-manifest.json", "old-manifest.json"}


@pytest.mark.parametrize(
    "point",
    ["", *(pytest.param(f"gc:{p}", marks=pytest.mark.nightly) for p in ("before-copy", "before-swap", "after-swap"))],
)
def test_the_warehouse_is_written_anew_when_much_of_it_is_free(estate, monkeypatch, tmp_path, capsys, point):
    keep(tmp_path, monkeypatch)
    made = FakeWarehouse(estate.home, MARTS)
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute("create table ballast as select range as i, uuid() as t from range(300_000)")
    made.build("2026-01-03", all_marts(3))
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute("comment on column finance.journal.amount is 'kept'")
        connection.execute("create view core.seen as select * from warehouse.core.dim_plan")
    with duckdb.connect(str(warehouse_file())) as connection:
        connection.execute("drop table ballast")
    assert run(publish)[0] == DONE
    if point:
        forked(gc, point)
        run(publish)
    before = warehouse_file().stat().st_size
    assert run(gc) == (DONE, "")
    if point != "gc:after-swap":
        assert warehouse_file().stat().st_size < before / 2
    assert [path.name for path in warehouse_file().parent.iterdir() if path.name.startswith(".")] == []
    made.build("2026-01-03", {})
    capsys.readouterr()
    assert run(publish)[0] == DONE
    assert "nothing changed" in capsys.readouterr().out
    with duckdb.connect(str(warehouse_file()), read_only=True) as connection:
        assert connection.execute("select count(*) from core.seen").fetchone() == (3,)
        comment = "select comment from duckdb_columns() where table_name = 'journal' and column_name = 'amount'"
        assert connection.execute(comment).fetchone() == ("kept",)


@pytest.mark.parametrize("wrong", ["days: 3\n", "inbox: {days: 1}\n", "nothing"])
def test_a_wrong_yaml_is_told(tmp_path, monkeypatch, wrong):
    (tmp_path / "retention.yml").write_text(wrong)
    monkeypatch.setattr(retention, "PROJECT", tmp_path)
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    assert run(gc)[0] == USAGE


def test_growth_is_told_once_two_nights_are_known(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    (tmp_path / "landing").mkdir()
    sizes.record(date(2026, 1, 1))
    assert sizes.growth() is None
    (tmp_path / "landing/dump").write_bytes(b"x" * 2_000_000)
    os.link(tmp_path / "landing/dump", tmp_path / "landing/the same")
    sizes.record(date(2026, 1, 3))
    grown = sizes.growth()
    assert grown["bytes_a_night"]["landing"] == 1_000_000, "what two names share is there once"
    # room for ten nights and a half, since other tests write to the same disk meanwhile
    a_night = shutil.disk_usage(tmp_path).free * 2 // 21
    replace_json(
        tmp_path / "warehouse/sizes.json",
        [{"night": f"2026-01-0{n}", "bytes": {"landing": n * a_night}} for n in (1, 2)],
    )
    assert sizes.growth()["full_on"] == "2026-01-12"


@pytest.mark.nightly
def test_a_compacted_ledger_knows_as_much_as_before(tmp_path):
    """Nights, changed definitions and a late dump; then all that is superseded goes; then the same again."""
    kept, compacted = make(tmp_path / "kept"), make(tmp_path / "compacted")
    shutil.copy(PROJECT / "retention.yml", compacted.root)
    text = (compacted.root / "retention.yml").read_text()
    (compacted.root / "retention.yml").write_text(text.replace("nights: 60", "nights: 1").replace("0.25", "0"))
    for project in (kept, compacted):
        for day in (1, 2, 3):
            project.arrive(f"2026-01-0{day}")
            if day == 2:
                project.edit("models/marts/business/listening_daily.sql", "count(*) as plays", "count(*) + 0 as plays")
            assert project.run("night").returncode == DONE
    rows = [_rows(compacted)]
    assert compacted.run("gc", fault="gc:inside-compaction#2").returncode == -signal.SIGKILL
    assert _rows(compacted) == rows[0]
    done = compacted.run("gc")
    assert done.returncode == DONE, done.stdout + done.stderr
    rows.append(_rows(compacted))
    assert rows[1]["ledger"] < rows[0]["ledger"]
    assert compacted.run("build").returncode == DONE
    assert compacted.rebuilt() == {}
    for project in (kept, compacted):
        project.land("2026-01-04", [("late", "m1", "t1", 31_000, "2026-01-02")])
        done = project.run("night")
        assert done.returncode == DONE, done.stdout + done.stderr
    assert compacted.rebuilt() == kept.rebuilt()
    assert compacted.hashes() == kept.hashes()


def _rows(project):
    with duckdb.connect(str(project.home / "warehouse/warehouse.duckdb"), read_only=True) as connection:
        tables = ("ledger", "definitions", "slices", "domain_checks", "releases")
        return {table: connection.execute(f"select count(*) from ops.{table}").fetchone()[0] for table in tables}
