"""What ``status`` says to monitoring: one line and an exit code, and figures for Prometheus."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from scripts import prometheus
from scripts.files import replace_json
from scripts.night import LAST
from scripts.status import CRITICAL, OK, UNKNOWN, WARNING, judge, status

SAMPLE = re.compile(
    r'nightshift_[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? -?[\d.]+'
)


def night(**other):
    """What ``gather`` finds after a night that went well, with what is said otherwise."""
    found = {
        "last_night": {
            "on": "2026-02-25", "code": 0, "finished_at": "2026-02-26 02:40:00+00:00",
            "seconds": {"land": 9.5, "build": 30},
        },
        "seconds_since_last_night": 3 * 3600.0,
        "published": {
            "run_id": "2026-02-25-1", "night": "2026-02-25", "rolled_back": [], "marts": [mart("core.fct_plays")],
        },
        "sources": [source("playback.plays")],
        "quarantine": [], "anomalies": [],
        "bytes": {"landing": 1000, "warehouse": 234},
        "disk_free_bytes": 10**9,
    }  # fmt: skip
    return {**found, **other}


def mart(name, late_since=None):
    return {
        "mart": name, "domain": name.split(".")[0], "owner": "Data platform", "rows": 5, "changed_run": "2026-02-25-1",
        "is_late": late_since is not None, "late_since": late_since, "reason": late_since and "a test failed",
    }  # fmt: skip


def odd(table, severity):
    return {"table": table, "severity": severity, "sentence": "rows: 3, expected about 9"}


def source(table, days=0, state="ok"):
    return {"table": table, "arrived_on": "2026-02-25", "days_behind": days, "rows": 7, "state": state, "owner": "Them"}


def test_a_good_night_is_one_line_with_figures_behind_the_bar():
    code, line = judge(night(), 26, 50)
    assert code == OK
    assert line == "OK - night of 2026-02-25 published as 2026-02-25-1 3 h ago | hours=3.0 marts=1 late=0 bytes=1234"


LATE = {**night()["published"], "marts": [mart("core.fct_plays"), mart("risk.review_queue", "2026-02-20")]}


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        (night(last_night=None), UNKNOWN, "UNKNOWN - no night has been published yet"),
        (night(published=None), UNKNOWN, "UNKNOWN - no night has been published yet"),
        (night(seconds_since_last_night=27 * 3600), WARNING, "WARNING - the last night ended 27 h ago |"),
        (night(seconds_since_last_night=51 * 3600), CRITICAL, "CRITICAL - the last night ended 2 days ago |"),
        (night(published=LATE), CRITICAL, "CRITICAL - late since 2026-02-20: risk |"),
        (night(last_night={**night()["last_night"], "code": 1}), WARNING, "2026-02-25: some data refused |"),
        (night(sources=[source("bank.statements", 3, "warn")]), WARNING, "no fresh dump of bank.statements |"),
        (night(sources=[source("bank.statements", 9, "error")]), CRITICAL, "no fresh dump of bank.statements |"),
        (night(anomalies=[odd("billing.payments", "mild")]), WARNING, "WARNING - odd dumps of billing.payments |"),
        (night(anomalies=[odd("billing.payments", "severe")]), CRITICAL, "CRITICAL - odd dumps of billing.payments |"),
        (night(published={**night()["published"], "rolled_back": ["2026-02-25-2"]}), WARNING, "rolled back to 2026-"),
        (
            night(seconds_since_last_night=27 * 3600, published=LATE),
            CRITICAL,
            "CRITICAL - late since 2026-02-20: risk; the last night ended 27 h ago |",
        ),
    ],
)
def test_what_is_worst_decides_and_is_said_first(found, code, words):
    said = judge(found, 26, 50)
    assert said[0] == code
    assert words in said[1]
    assert "\n" not in said[1]


def read(text):
    """A text file of Prometheus, checked line by line: samples by metric and labels."""
    assert text.endswith("\n")
    found, described = {}, {}
    for line in text.splitlines():
        if line.startswith("# "):
            _, what, name, _ = line.split(" ", 3)
            assert what not in described.get(name, ()), f"{name} has two lines of {what}"
            described.setdefault(name, set()).add(what)
            block = name
            continue
        assert SAMPLE.fullmatch(line), line
        key, value = line.rsplit(" ", 1)
        assert key.partition("{")[0] == block, "a metric's samples stand together, below what describes them"
        assert key not in found, f"{key} stands twice"
        found[key] = float(value)
    assert all(lines == {"HELP", "TYPE"} for lines in described.values())
    return found


def test_prometheus_reads_what_status_knows():
    unusual = [odd("playback.plays", "severe"), odd("playback.plays", "mild")]
    refused = {"table": "a.b", "layer": "door", "reason": 'no "number"\nbut \\', "rows": 3}
    found = read(prometheus.render(night(published=LATE, quarantine=[refused], anomalies=unusual), CRITICAL))
    assert found["nightshift_check"] == 2
    assert found["nightshift_last_night_end_timestamp_seconds"] == datetime(2026, 2, 26, 2, 40, tzinfo=UTC).timestamp()
    assert found['nightshift_last_night_step_seconds{step="land"}'] == 9.5
    assert found['nightshift_mart_late{mart="risk.review_queue",domain="risk",owner="Data platform"}'] == 1
    assert found['nightshift_mart_late{mart="core.fct_plays",domain="core",owner="Data platform"}'] == 0
    assert found['nightshift_source_days_behind{table="playback.plays",owner="Them"}'] == 0
    assert found['nightshift_quarantined_rows{table="a.b",layer="door",reason="no \\"number\\"\\nbut \\\\"}'] == 3
    assert found['nightshift_source_odd{table="playback.plays",owner="Them"}'] == 2, "what is worse counts"
    assert found['nightshift_bytes{layer="landing"}'] == 1000


def test_before_the_first_night_monitoring_is_told_that_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    done = CliRunner().invoke(status, ["--check", "--prometheus", str(tmp_path / "n.prom")], standalone_mode=False)
    assert (done.return_value, done.output) == (UNKNOWN, "UNKNOWN - no night has been published yet\n")
    found = read((tmp_path / "n.prom").read_text())
    assert found["nightshift_check"] == UNKNOWN
    assert "nightshift_last_night_exit_code" not in found
    assert [path.name for path in tmp_path.glob("*.prom")] + [path.name for path in tmp_path.glob(".n*")] == ["n.prom"]


def test_a_night_that_ran_and_was_never_published_is_not_well(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    (tmp_path / "warehouse").mkdir()
    ended = datetime.now(UTC) - timedelta(hours=1)
    last = {**night()["last_night"], "finished_at": ended.isoformat(" ", "seconds")}
    replace_json(tmp_path / "warehouse" / LAST, last)
    done = CliRunner().invoke(status, ["--check"], standalone_mode=False)
    assert done.return_value == UNKNOWN
