"""Who gets which mail: the models' own SQL over hand-made members, and the commands about campaigns."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from compiled import BACKENDS, Models

from scripts import campaign as campaign_step
from scripts.mail import campaigns, skeleton

SEND_ON = date(2026, 3, 29)
RUN = ("int_mail_suppressed", "int_campaign_contacts", "int_campaign_candidates", "rpt_campaign_audience", "fct_outbox")
PERIOD = {
    "campaign": "win_back", "topic": "offers", "priority": 40, "cap_mails": 1, "cap_days": 28, "holdout_lots": 0,
    "earliest_minute": 480, "latest_minute": 1200, "languages": "en,de", "fallback_language": "en", "goal_days": 7,
    "send_on": SEND_ON, "scheduled_on": SEND_ON, "period": "2026-W13", "period_from": SEND_ON, "period_to": SEND_ON,
    "is_due": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


class Campaigns:
    """Hand-made members, and what the models say of them."""

    def __init__(self, models: Models) -> None:
        self.models = models
        models.clear()
        self.accounts: list[dict] = []
        self.consents: list[dict] = []
        self.periods = [PERIOD]
        self.sends: list[dict] = []
        self.events: list[dict] = []
        self.outside: set[str] = set()

    def member(
        self, account: str, *, consent: bool | None = True, said: str = "2026-01-01 08:00:00", **values: object
    ) -> None:
        """A member who agreed to offers, unless told otherwise."""
        usual = {"created_at": "2025-01-01 08:00:00", "updated_at": "2025-01-01 08:00:00", "country": "DE",
                 "time_zone": "Europe/Berlin", "language": "de", "status": "active", "acquisition_channel": "organic",
                 "explicit_content": True, "email_hash": f"hash of {account}", "_covers_on": "2026-03-28"}  # fmt: skip
        self.accounts.append({**usual, "account_id": account, **values})
        if consent is not None:
            self.consents.append({"account_id": account, "topic": "offers", "is_given": consent, "changed_at": said,
                                  "source": "settings", "_covers_on": "2026-03-28"})  # fmt: skip

    def outcomes(self) -> dict[tuple[str, str], str]:
        """The report: outcome by campaign and account."""
        models = self.models
        models.insert("members.accounts", self.accounts)
        models.insert("members.consents", self.consents)
        models.run("int_mail_members", "int_mail_consents", "mail_replies", "mail_country_rules")
        models.run("stg_nightshift__erasures")
        self._table("int_campaign_periods", self.periods)
        people = [a["account_id"] for a in self.accounts if a["account_id"] not in self.outside]
        self._table(
            "int_campaign_audiences",
            [{"campaign": p["campaign"], "account_id": a, "data_json": "{}"} for p in self.periods for a in people],
        )
        sent = {"campaign": "", "topic": "offers", "period": "", "account_id": "", "address_hash": "",
                "state": "accepted", "is_holdout": False, "enhanced_status": "", "send_key": "",
                "occurred_at": datetime(2026, 3, 1), "occurred_on": date(2026, 3, 1)}  # fmt: skip
        self._table("fct_sends", [{**sent, **row} for row in self.sends], sent)
        event = {"event_kind": "", "send_key": "", "account_id": "", "topic": None, "enhanced_status": "",
                 "occurred_at": datetime(2026, 3, 1)}  # fmt: skip
        self._table("fct_mail_events", [{**event, **row} for row in self.events], {**event, "topic": ""})
        for name in RUN:
            node = models.nodes[name]
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            models.connection.execute(f'create or replace {kind} {node["schema"]}."{name}" as {node["compiled_code"]}')
        rows = models.rows("select campaign, account_id, outcome from engagement.rpt_campaign_audience")
        return {(name, account): outcome for name, account, outcome in rows}

    def _table(self, name: str, rows: list[dict], example: dict | None = None) -> None:
        node, example = self.models.nodes[name], example or rows[0]
        kinds = {bool: "boolean", int: "integer", str: "varchar", date: "date", datetime: "timestamp"}
        columns = ", ".join(f"{column} {kinds[type(value)]}" for column, value in example.items())
        relation = f'{node["schema"]}."{name}"'
        self.models.connection.execute(f"create or replace table {relation} ({columns})")
        for row in rows:
            marks = ", ".join("?" * len(example))
            self.models.connection.execute(f"insert into {relation} values ({marks})", [row[c] for c in example])


def test_every_rule_keeps_out_whom_it_is_about_and_nobody_else(models):
    world = Campaigns(models)
    world.member("fine")
    world.member("fine in french", language="fr")
    world.member("closed", status="closed")
    world.member("no address", email_hash=None)
    world.member("nowhere", time_zone="Mars/Olympus")
    world.member("never asked", consent=None)
    world.member("said no", consent=False)
    world.member("canadian", country="CA", said="2024-01-01 08:00:00")
    world.member("canadian since", country="CA", said="2025-01-01 08:00:00")
    world.member("complained")
    world.member("beside the complaint", email_hash="hash of complained")
    world.member("took it back")
    world.member("left offers")
    world.member("left all")
    world.member("left digest")
    world.member("left and came back", said="2026-03-10 08:00:00")
    world.member("bounced")
    world.member("full for a while")
    world.member("bad before, new address", email_hash="hash of a new address")
    world.member("got it")
    world.member("beside who got it", email_hash="hash of got it")
    world.member("failed")
    world.member("held out")
    world.member("mailed last week")
    world.member("mailed long ago")
    world.member("outside")
    world.outside = {"outside"}
    at = datetime(2026, 3, 5)
    world.events = [
        {"event_kind": "complaint", "account_id": "complained", "occurred_at": at},
        {"event_kind": "unsubscribe", "account_id": "left offers", "topic": "offers", "occurred_at": at},
        {"event_kind": "unsubscribe", "account_id": "left all", "occurred_at": at},
        {"event_kind": "unsubscribe", "account_id": "left digest", "topic": "digest", "occurred_at": at},
        {"event_kind": "unsubscribe", "account_id": "left and came back", "topic": "offers", "occurred_at": at},
        {"event_kind": "bounce", "account_id": "bounced", "enhanced_status": "5.1.1"},
        {"event_kind": "bounce", "account_id": "full for a while", "enhanced_status": "5.2.2"},
    ]
    this = {"campaign": "win_back", "period": "2026-W13"}
    world.sends = [
        {"send_key": "1", **this, "account_id": "got it", "address_hash": "hash of got it", "state": "unknown"},
        {"send_key": "2", **this, "account_id": "failed", "address_hash": "hash of failed", "state": "failed"},
        {"send_key": "3", **this, "account_id": "held out", "address_hash": "x", "state": "withheld",
         "is_holdout": True},
        {"send_key": "4", "campaign": "digest", "period": "p", "account_id": "mailed last week",
         "address_hash": "hash of mailed last week", "occurred_on": date(2026, 3, 22)},
        {"send_key": "5", "campaign": "digest", "period": "p", "account_id": "mailed long ago",
         "address_hash": "hash of mailed long ago", "occurred_on": date(2026, 3, 1)},
        {"send_key": "6", "campaign": "digest", "period": "p", "account_id": "bad before, new address",
         "state": "failed", "address_hash": "hash of an old address", "enhanced_status": "5.1.1"},
    ]  # fmt: skip
    said = {account: outcome for (_, account), outcome in world.outcomes().items()}
    assert said == {
        "fine": "included", "fine in french": "included", "closed": "not_active", "no address": "no_address",
        "nowhere": "unknown_time_zone", "never asked": "no_consent", "said no": "no_consent",
        "canadian": "consent_too_old", "canadian since": "included", "complained": "complained",
        "beside the complaint": "complained", "took it back": "included", "left offers": "unsubscribed",
        "left all": "unsubscribed", "left digest": "included", "left and came back": "included",
        "bounced": "bad_mailbox", "full for a while": "included", "bad before, new address": "included",
        "got it": "already_sent", "beside who got it": "address_taken", "failed": "failed_before",
        "held out": "held_out_before", "mailed last week": "frequency_cap", "mailed long ago": "included",
        "outside": "not_in_audience",
    }  # fmt: skip
    language = dict(models.rows("select account_id, language from engagement.fct_outbox where account_id like 'fine%'"))
    assert language == {"fine": "de", "fine in french": "en"}


def test_one_mail_an_address_and_the_oldest_account_gets_it(models):
    world = Campaigns(models)
    world.member("younger", email_hash="shared", created_at="2025-06-01 08:00:00")
    world.member("older", email_hash="shared", created_at="2025-01-01 08:00:00")
    world.member("oldest, said no", email_hash="shared", created_at="2024-01-01 08:00:00", consent=False)
    said = {account: outcome for (_, account), outcome in world.outcomes().items()}
    assert said == {"younger": "address_taken", "older": "included", "oldest, said no": "no_consent"}


def test_without_a_language_in_common_there_is_no_mail(models):
    world = Campaigns(models)
    world.periods = [{**PERIOD, "fallback_language": "", "languages": "de"}]
    world.member("german")
    world.member("french", language="fr")
    world.periods[0]["fallback_language"] = "en"
    assert set(world.outcomes().values()) == {"included"}
    models.connection.execute("update intermediate.int_campaign_periods set fallback_language = null")
    said = dict(models.rows("select account_id, reason from intermediate.int_campaign_candidates"))
    assert said == {"german": None, "french": "language"}


def test_a_holdout_is_the_same_people_every_time_and_about_as_many_as_said(models):
    held = []
    for weeks in (0, 1):
        world = Campaigns(models)
        later = SEND_ON + timedelta(days=7 * weeks)
        world.periods = [{**PERIOD, "holdout_lots": 2000, "period": f"2026-W{13 + weeks}", "send_on": later}]
        for number in range(400):
            world.member(f"m{number}")
        held.append({account for (_, account), outcome in world.outcomes().items() if outcome == "holdout"})
    assert held[0] == held[1]
    assert 50 < len(held[0]) < 110


def test_the_window_is_as_the_readers_clock_shows_it_in_every_zone(models):
    """Compared with Python's own time zones, on days around changes of clocks on both halves of the earth."""
    zones = ("Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe",
             "Pacific/Apia", "Pacific/Auckland", "Africa/Casablanca", "Asia/Kathmandu", "America/St_Johns",
             "UTC")  # fmt: skip
    for day in (date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5), date(2026, 10, 25), date(2026, 11, 1)):
        world = Campaigns(models)
        world.periods = [{**PERIOD, "send_on": day}]
        for zone in zones:
            world.member(zone, time_zone=zone, said="2026-03-01 08:00:00")
        world.outcomes()
        rows = models.rows("select account_id, not_before_at, not_after_at from engagement.fct_outbox")
        assert len(rows) == len(zones)
        for zone, begins, ends in rows:
            local = [at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in (begins, ends)]
            assert local == [datetime.combine(day, datetime.min.time()) + timedelta(hours=h) for h in (8, 20)], zone


def test_a_digest_has_the_first_tracks_of_who_listens_and_says_why(models):
    connection = models.connection
    connection.execute(
        "set variable preview_of = 'weekly_digest'; create schema if not exists discovery;"
        "create or replace table intermediate.int_campaign_periods as "
        "select 'weekly_digest' as campaign, false as is_due, date '2026-03-02' as send_on;"
        "create or replace table core.fct_member_activity as "
        "select * from (values ('a', 5), ('away', 0)) as t(account_id, streams_30);"
        "create or replace table core.dim_track as select * from "
        "(values ('t1', 'Rain'), ('t2', 'Sun'), ('h', 'Heard')) as t(track_id, title);"
        "create or replace table core.dim_artist as "
        "select * from (values ('x', 'Ann'), ('y', 'Bea')) as t(artist_id, name);"
        "create or replace table discovery.fct_recommendations as select * from (values "
        "('a', 2, 't2', 'y', null), ('a', 1, 't1', 'x', 'h|t2'), ('away', 1, 't1', 'x', null)) "
        "as t(account_id, rank, track_id, artist_id, reason_track_ids)"
    )
    rows = models.rows(models.nodes["audience_weekly_digest"]["compiled_code"])
    connection.execute("reset variable preview_of")
    assert [account for account, _ in rows] == ["a"]
    assert json.loads(rows[0][1]) == {
        "tracks": [
            {"id": "t1", "title": "Rain", "artist": "Ann", "because": "Heard"},
            {"id": "t2", "title": "Sun", "artist": "Bea", "because": None},
        ]
    }
    assert models.rows(models.nodes["audience_weekly_digest"]["compiled_code"]) == []


def test_the_interval_of_a_difference_is_newcombes(models):
    """56 of 70 against 48 of 80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    rows = [("with", 70, 56, False), ("without", 80, 48, True)]
    connection, node = models.connection, models.nodes["rpt_campaign_outcomes"]
    connection.execute(
        "create or replace table intermediate.int_campaign_periods as select 'c' as campaign, 7 as goal_days;"
        "create or replace table engagement.fct_mail_events as select '' as send_key, '' as event_kind where false;"
        "create or replace table core.fct_member_activity as select date '2026-03-01' as as_of_on;"
        "create or replace table engagement.fct_sends (send_key varchar, campaign varchar, period varchar, "
        "account_id varchar, state varchar, is_holdout boolean, occurred_on date);"
        "create or replace table intermediate.int_member_listening_daily "
        "(account_id varchar, played_on date, streams bigint)"
    )
    for name, total, listened, is_holdout in rows:
        for number in range(total):
            key = f"{name}{number}"
            state = "withheld" if is_holdout else "accepted"
            connection.execute(
                "insert into engagement.fct_sends values (?, 'c', 'p', ?, ?, ?, '2026-02-01')",
                [key, key, state, is_holdout],
            )
            if number < listened:
                insert = "insert into intermediate.int_member_listening_daily values (?, '2026-02-02', 1)"
                connection.execute(insert, [key])
    shown = "difference, round(difference_low, 4), round(difference_high, 4)"
    found = models.rows(f"select {shown} from ({node['compiled_code']})")
    assert [float(value) for value in found[0]] == [0.2, 0.0524, 0.3339]


def test_a_new_campaign_killed_before_it_has_its_name_is_begun_anew(tmp_path):
    for part in ("backends", "models/staging", "macros"):
        shutil.copytree(campaign_step.PROJECT / part, tmp_path / part)
    (tmp_path / "campaigns").mkdir()
    environment = {**os.environ, "NIGHTSHIFT_PROJECT": str(tmp_path), "NIGHTSHIFT_FAULT": "campaign:before-rename"}
    command = [sys.executable, "-m", "scripts.nightshift", "campaign", "new", "birthday"]
    place = {"cwd": campaign_step.PROJECT, "capture_output": True, "text": True}
    assert subprocess.run(command, env=environment, **place).returncode == -signal.SIGKILL
    assert campaigns.load_all(tmp_path) == {}
    done = subprocess.run(command, env={**environment, "NIGHTSHIFT_FAULT": ""}, **place)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "campaigns").iterdir()] == ["birthday"]


def test_a_new_campaign_is_one_folder_that_reads_well(tmp_path, monkeypatch):
    for name in ("backends", "campaigns", "models/staging", "macros/rules", "macros/engagement"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(campaign_step, "PROJECT", tmp_path)
    monkeypatch.setattr(campaign_step, "load_all", lambda: BACKENDS)
    written = []
    monkeypatch.setattr(campaign_step.sources, "write", lambda: written.append(True))
    done = CliRunner().invoke(campaign_step.campaign, ["new", "birthday", "--topic", "offers"], standalone_mode=False)
    assert done.exception is None, done.output
    assert written
    made = campaigns.read(tmp_path / "campaigns" / "birthday")
    assert (made.topic, made.every, made.languages) == ("offers", "week", ("en",))
    assert {path.name for path in made.folder.iterdir()} == set(skeleton.files("birthday", "offers"))
    again = CliRunner().invoke(campaign_step.campaign, ["new", "birthday"], standalone_mode=False)
    assert "there already" in str(again.exception)
    unknown = CliRunner().invoke(campaign_step.campaign, ["new", "other", "--topic", "weather"], standalone_mode=False)
    assert "weather" in str(unknown.exception)
    assert "'birthday'" in campaigns.render(campaigns.load_all(tmp_path))
