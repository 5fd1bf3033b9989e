"""The runbook, line by line: each symptom is brought about, its command typed, its cure seen."""

from __future__ import annotations

import json
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from estate import BILLING, payments
from kills import holding_the_night
from ledger_harness import ROOT
from test_night import MANY_PLAYS, STREAMS, make

from scripts.console import DONE, FAILED, LOCKED, REFUSED, STOPPED
from scripts.files import replace_json

MODEL = "models/marts/business/listening_daily.sql"
# What stands in the first column of the page → the test that breaks things that way: here, or in another file.
ENTRIES = {
    'exit code 3, "the lock is held by …"': "test_another_night_is_running",
    '"lock taken over from … which is no longer running"': "test_an_earlier_night_was_killed",
    '"the last night ended … ago"': "test_no_night_has_ended_for_days",
    'exit code 5, "the night of … stopped in …"': "test_the_machine_stopped_a_step",
    'exit code 1, "refused"': "test_a_file_could_not_be_landed",
    'exit code 4, "FAILED … (a test)"': "test_a_test_of_a_domain_failed",
    '"quarantine above its threshold"': (
        "test_staging.py::test_too_much_in_quarantine_stops_what_is_built_on_it_until_a_corrected_dump_comes"
    ),
    '"odd (severe)", and "the dump is as its past lets expect, which it severely is not"': (
        "test_anomalies.py::test_what_is_odd_is_told_in_words_and_to_whoever_reads_what_is_made_of_it"
    ),
    "a number is wrong, and published": "test_a_number_is_wrong_and_published",
    "a dump was wrong": "test_a_dump_was_wrong",
    "a source is late": "test_a_source_is_late",
    "the disk is full": "test_the_disk_is_full",
    "the warehouse is lost or damaged": "test_the_warehouse_is_lost",
    "the disk with `landing/` and `vault/` is lost": "test_the_disk_is_lost",
    '"a restore … did not finish"': "test_a_restore_was_killed",
    '"held back: … under new definitions"': (
        "test_deferred.py::test_the_rebuild_takes_the_warehouse_s_place_and_a_night_meanwhile_does_no_harm"
    ),
    "a mail's outcome is unknown": "test_deliver.py::test_silence_after_the_data_is_listed_and_not_sent_again",
}
PAYMENTS = BILLING.split("  prices:")[0] + "    freshness: {warn_after_days: 1, error_after_days: 2}\n"


def day(number: int) -> str:
    return f"2026-01-{number:02}"


def symptoms() -> list[str]:
    """The first column of the page's table."""
    page = (ROOT / "docs/recover-a-bad-night.md").read_text()
    rows = page.partition("| what you see |")[2].partition("\n\n")[0].splitlines()[2:]
    return [re.split(r"(?<!\\)\|", row)[1].strip() for row in rows]


def test_every_line_of_the_runbook_has_a_test_that_breaks_things_that_way():
    assert sorted(symptoms()) == sorted(ENTRIES)
    for name in ENTRIES.values():
        file, _, test = name.rpartition("::")
        text = (Path(__file__).parent / (file or Path(__file__).name)).read_text()
        assert f"\ndef {test}(" in text, name


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """One platform to which all of this happens, one mishap after the other."""
    found = make(tmp_path_factory.mktemp("runbook") / "project")
    (found.root / "backends/billing.yml").write_text(PAYMENTS)
    found.today = 0
    for _ in range(2):
        arrive(found)
    night(found)
    return found


def arrive(project, plays=None) -> str:
    """Another day's dumps of playback; returns the day."""
    project.today += 1
    project.arrive(day(project.today), *([plays] if plays else []))
    return day(project.today)


def ship(project, content: str, on: str, declared: int | None = None) -> None:
    folder = project.home / "inbox/billing" / on
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "payments.csv").write_text(content)
    if declared is not None:
        (folder / "_totals.json").write_text(json.dumps({"payments.csv": {"rows": declared}}))


def night(project, code: int = DONE, **options) -> subprocess.CompletedProcess:
    done = project.run("night", **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def plays(project) -> dict[str, int]:
    return dict(
        project.published("select cast(played_on as varchar), sum(plays) from business.listening_daily group by 1")
    )


@pytest.mark.nightly
def test_another_night_is_running(project):
    with holding_the_night(project.home) as holder:
        assert f"the lock is held by `night` (process {holder})" in night(project, LOCKED).stderr
    night(project)


@pytest.mark.nightly
def test_an_earlier_night_was_killed(project):
    today = arrive(project)
    assert project.run("night", fault="night:before-build").returncode == -signal.SIGKILL
    assert today not in plays(project)
    assert "which is no longer running" in night(project).stderr
    assert today in plays(project)


@pytest.mark.nightly
def test_no_night_has_ended_for_days(project):
    last = project.home / "warehouse/last_night.json"
    replace_json(last, {**json.loads(last.read_text()), "finished_at": "2026-01-01 00:00:00+00:00"})
    check = project.run("status", "--check")
    assert check.returncode == 2
    assert "the last night ended" in check.stdout
    missed = [arrive(project), arrive(project)]
    said = night(project).stdout
    assert [said.index(f"the night of {each}") for each in missed] == sorted(
        said.index(f"the night of {each}") for each in missed
    )
    assert project.run("status", "--check").returncode == DONE


@pytest.mark.nightly
def test_the_machine_stopped_a_step(project):
    today = arrive(project)
    done = night(project, STOPPED, fault="build:before-dbt")
    assert f"the night of {today} stopped in build" in done.stderr
    night(project)
    assert today in plays(project)


@pytest.mark.nightly
def test_a_file_could_not_be_landed(project):
    today = arrive(project)
    ship(project, payments({}), today, declared=7)
    done = night(project, REFUSED)
    assert "refused billing.payments" in done.stderr
    assert "declares 7 rows, has 1" in done.stderr
    assert today in plays(project), "the night went on without it"
    ship(project, payments({}), today, declared=1)
    night(project)
    assert list((project.home / "landing/billing/payments").glob("dt=*/*/_manifest.json"))


@pytest.mark.nightly
def test_a_test_of_a_domain_failed(project):
    today = arrive(project, MANY_PLAYS)
    project.edit(MODEL, STREAMS, f"case when count(*) < 100 then {STREAMS} end")
    assert "FAILED not_null_listening_daily_streams" in night(project, FAILED).stderr
    assert today not in plays(project)
    assert today in project.run("rows", "not_null_listening_daily_streams").stdout
    project.edit(MODEL, f"case when count(*) < 100 then {STREAMS} end", STREAMS)
    night(project)
    assert today in plays(project)
    assert "LATE" not in project.run("status").stdout


@pytest.mark.nightly
def test_a_number_is_wrong_and_published(project):
    right = plays(project)
    project.edit(MODEL, "count(*) as plays", "2 * count(*) as plays")
    night(project)
    assert plays(project) == {each: 2 * number for each, number in right.items()}
    assert project.run("rollback").returncode == DONE
    assert plays(project) == right
    project.edit(MODEL, "2 * count(*) as plays", "count(*) as plays")
    planned = json.loads(project.run("plan", "--json").stdout)["models"]
    assert [(entry["model"], entry["reasons"]) for entry in planned] == [("listening_daily", ["definition changed"])]
    night(project)
    assert plays(project) == right


@pytest.mark.nightly
def test_a_dump_was_wrong(project):
    about = max(path.name[3:] for path in (project.home / "landing/billing/payments").glob("dt=*"))
    arrive(project)
    night(project)
    right = project.home.parent / "payments.csv"
    right.write_text(payments({"amount": "3.00"}))
    preview = project.run("correct", "billing.payments", about, "--file", str(right), "--preview")
    assert preview.returncode == DONE, preview.stdout + preview.stderr
    done = project.run("correct", "billing.payments", about, "--file", str(right), "--yes")
    assert done.returncode == DONE, done.stdout + done.stderr
    manifests = [
        json.loads(path.read_text())
        for path in (project.home / "landing/billing/payments").glob("dt=*/*/_manifest.json")
    ]
    assert [manifest["covers_on"] for manifest in manifests if manifest["supersedes"]] == [about]


@pytest.mark.nightly
def test_a_source_is_late(project):
    for _ in range(4):
        arrive(project)
    night(project)
    check = project.run("status", "--check")
    assert (check.returncode, "no fresh dump of billing.payments" in check.stdout) == (2, True), check.stdout
    assert "Billing team" in project.run("status").stdout
    ship(project, payments({"amount": "4.00"}), arrive(project))
    night(project)
    assert project.run("status", "--check").returncode == DONE


@pytest.mark.nightly
def test_the_disk_is_full(project):
    before = plays(project)
    today = arrive(project, MANY_PLAYS)

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = project.run("night", preexec_fn=no_room)
    assert done.returncode in (FAILED, STOPPED), done.stdout + done.stderr
    assert plays(project) == before
    assert "Disk " in project.run("status").stdout
    night(project)
    assert today in plays(project)


@pytest.mark.nightly
@pytest.mark.parametrize("is_damaged", [False, True])
def test_the_warehouse_is_lost(project, is_damaged):
    before = project.hashes()
    file = project.home / "warehouse/warehouse.duckdb"
    if is_damaged:
        file.write_bytes(b"no database" * 1000)
        assert project.run("build").returncode == STOPPED
    file.rename(file.with_name("damaged"))
    night(project)
    assert file.exists(), "it is made anew"
    assert project.hashes() == before


@pytest.mark.nightly
def test_the_disk_is_lost(project, tmp_path):
    assert project.run("backup", "--to", str(tmp_path / "backup")).returncode == DONE
    before = project.hashes()
    today = arrive(project)
    shipped = tmp_path / "shipped"
    shutil.copytree(project.home / "landing/playback", shipped)
    for layer in ("landing", "vault", "warehouse", "published"):
        shutil.rmtree(project.home / layer, ignore_errors=True)
    done = project.run("restore", "--from", str(tmp_path / "backup"), "--replace")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert project.hashes() == before
    shutil.copytree(shipped, project.home / "landing/playback", dirs_exist_ok=True)
    night(project)
    assert project.rebuilt()["fct_plays"] == [today]


@pytest.mark.nightly
def test_a_restore_was_killed(project, tmp_path):
    assert project.run("backup", "--to", str(tmp_path / "backup")).returncode == DONE
    before = project.hashes()
    arguments = ("restore", "--from", str(tmp_path / "backup"), "--replace")
    assert project.run(*arguments, fault="restore:after-layer#2").returncode == -signal.SIGKILL
    assert "did not finish" in night(project, STOPPED).stderr
    assert project.run(*arguments).returncode == DONE
    night(project)
    assert project.hashes() == before
