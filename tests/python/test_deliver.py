"""Sending once: a real SMTP server that answers, refuses, breaks and stalls, and a sender that is killed."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from mail_estate import AT, MailEstate
from mail_server import Server, free_port

from scripts import backends, land
from scripts.console import REFUSED, STOPPED, USAGE, Stop
from scripts.deliver import deliver
from scripts.mail import campaigns, preparing, sending
from scripts.mail.ledger import AlreadySent, Ledger

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An empty home; a server that breaks connections is asked again at once."""
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTSHIFT_MASTER_KEY", "11" * 32)
    monkeypatch.setenv("NIGHTSHIFT_MAIL_KEY", "22" * 32)
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.001)
    known = backends.load_all()  # reading the YAML takes longer than what is tested
    monkeypatch.setattr(backends, "load_all", lambda: known)
    monkeypatch.setattr(land, "load_all", lambda: known)
    return MailEstate(tmp_path / "home")


@pytest.fixture
def server(tmp_path, monkeypatch):
    with Server(tmp_path) as running:
        monkeypatch.setenv("NIGHTSHIFT_SMTP", running.address)
        yield running


def run(*arguments: str, at=AT) -> int:
    return deliver.main(["--at", at.strftime("%Y-%m-%dT%H:%M:%S"), "--rate", "5000", *arguments], standalone_mode=False)


def states() -> dict[str, str]:
    with Ledger() as ledger:
        return {key: entry["state"] for key, entry in ledger.known().items()}


def test_every_mail_goes_out_once_and_is_put_on_record(world, server):
    people = world.people([f"reader{n}@example.com" for n in range(12)])
    assert run() == 0
    assert server.recipients() == sorted(f"reader{n}@example.com" for n in range(12))
    assert world.committed() == dict.fromkeys(people, "accepted")
    assert run() == 0
    assert len(server.mails()) == 12


def test_a_lost_ledger_is_made_up_for_by_the_landing(world, server):
    world.people(["one@example.com", "two@example.com"])
    run()
    for file in (world.home / "mail").glob("ledger*"):
        file.unlink()
    run()
    assert server.recipients() == ["one@example.com", "two@example.com"]


def test_what_a_server_says_of_a_mailbox(world, server):
    people = world.people(
        [
            "busy-1@example.com",
            "nobody-2@example.com",
            "full-3@example.com",
            "plain-4@example.com",
            "bye-once-5@example.com",
            "fine-6@example.com",
        ]
    )
    assert run("--connections", "1") == 0
    assert list(states().values()) == ["deferred", "failed", "failed", "failed", "deferred", "accepted"]
    assert run(at=AT + timedelta(minutes=14)) == 0
    assert server.recipients() == ["fine-6@example.com"]
    # a run's clock goes on while it runs, so on a slow machine the quarter of an hour begins a little later
    assert run(at=AT + timedelta(minutes=50)) == 0
    assert server.recipients() == ["bye-once-5@example.com", "fine-6@example.com"]
    # tried twice, so the busy one waits for half an hour
    with Ledger() as ledger:
        (waiting,) = ledger.listed("deferred")
    assert waiting["attempts"] == 2
    assert waiting["next_at"] >= str(AT + timedelta(minutes=80))
    assert list(world.committed().values()).count("failed") == 3
    assert len(people) == 6


def test_a_refusal_by_policy_stops_its_campaign_until_somebody_has_looked(world, server, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTSHIFT_ALERT_COMMAND", f'(echo "$NIGHTSHIFT_ALERT_SUBJECT"; cat) >> {tmp_path}/told')
    world.members({"a": "refuse-1@example.com", "b": "fine-2@example.com", "c": "fine-3@example.com"})
    world.consents({"a": True, "b": True, "c": True})
    world.publish(
        [
            {"account_id": "a", "not_after_at": AT + timedelta(hours=1)},
            {"account_id": "b"},
            {"account_id": "c", "campaign": "new_releases", "data_json": NEW_RELEASES},
        ]
    )
    assert run("--connections", "1") == REFUSED
    assert server.recipients() == ["fine-3@example.com"]
    assert "STOPPED" in capsys.readouterr().err
    assert run() == REFUSED
    told = (tmp_path / "told").read_text()
    assert told.count("Nightshift, mails: win_back stopped, refused by policy\n{") == 1, "somebody is told, once"
    assert "554 5.7.1 refused by policy" in told or "554 refused by policy" in told
    assert "./nightshift deliver --resume win_back" in told
    assert run("--resume", "win_back") == 0
    assert server.recipients() == ["fine-2@example.com", "fine-3@example.com"]


NEW_RELEASES = '{"count":1,"releases":[{"id":"r","title":"T","kind":"ep","artist":"A","released_on":"2026-03-01"}]}'


@pytest.mark.parametrize("what", ["drop", "stall"])
def test_silence_after_the_data_is_listed_and_not_sent_again(world, server, what, monkeypatch, capsys):
    monkeypatch.setenv("NIGHTSHIFT_SMTP_TIMEOUT", "3" if what == "stall" else "60")
    people = world.people([f"{what}-1@example.com"])
    assert run("--connections", "1") == 0
    assert "nobody can know" in capsys.readouterr().err
    assert states() == dict.fromkeys(people, "unknown")
    assert run() == 0
    assert server.recipients() == [f"{what}-1@example.com"]
    assert world.committed() == states()
    deliver.main(["--list"], standalone_mode=False)
    assert next(iter(people)) in capsys.readouterr().out


def test_a_campaign_may_rather_send_twice_than_not_at_all(world, server, monkeypatch):
    every = campaigns.load_all()
    every["win_back"] = dataclasses.replace(every["win_back"], unknown_outcome="at_least_once")
    monkeypatch.setattr(campaigns, "load_all", lambda *_: every)
    people = world.people(["fine-1@example.com"])
    with Ledger() as ledger:
        _intend(ledger, next(iter(people)))
    assert run() == 0
    assert server.recipients() == ["fine-1@example.com"]


def _intend(ledger: Ledger, key: str, **others: object) -> None:
    entry = {
        "send_key": key,
        "campaign": "win_back",
        "topic": "offers",
        "period": "2026-W10",
        "account_id": "a",
        "address_hash": f"address-{key}",
        "send_on": str(AT.date()),
        "state": "intent",
        "occurred_at": str(AT),
    }
    ledger.record(entry | others)


def test_a_server_that_is_gone_is_left_alone_and_nothing_is_lost(world, monkeypatch, tmp_path):
    port = free_port()
    monkeypatch.setenv("NIGHTSHIFT_SMTP", f"127.0.0.1:{port}")
    people = world.people([f"reader{n}@example.com" for n in range(5)])
    assert run() == STOPPED
    assert states() == {}
    with Server(tmp_path, port=port) as server:
        assert run() == 0
        assert len(server.mails()) == len(people)


def test_a_consent_withdrawn_while_the_night_ran_is_heard(world, server):
    people = world.people(["one@example.com", "two@example.com", "three@example.com"])
    world.consents({"m0000": True, "m0001": False, "m0002": True}, slot="T11")
    assert run() == 0
    assert server.recipients() == ["one@example.com", "three@example.com"]
    assert sorted(world.committed().values()) == ["accepted", "accepted", "withheld"]
    # given again, it counts for the next day's outbox, not for this one
    world.consents(dict.fromkeys(people.values(), True), slot="T12")
    run(at=AT + timedelta(hours=1))
    assert len(server.mails()) == 2


def test_no_consents_no_mail(world, server):
    world.members({"a": "one@example.com"})
    world.publish([{"account_id": "a"}])
    with pytest.raises(Stop, match="consents"):
        run()
    assert server.mails() == []


def test_addresses_that_are_none_get_nothing_and_reach_no_header(world, server):
    bad = ["a@example.com\r\nBcc: all@example.com", "no-domain@", "none", "two@example.com, all@example.com", ""]
    world.people([*bad, "Grüße@example.com", "fine@bücher.example"])
    assert run() == 0
    assert server.recipients() == ["Grüße@example.com", "fine@xn--bcher-kva.example"]
    assert "Bcc" not in "".join(mail["data"] for mail in server.mails())
    assert list(states().values()).count("withheld") == len(bad)


def test_a_server_that_takes_ascii_only_is_not_given_other_addresses(world, tmp_path, monkeypatch):
    world.people(["Grüße@example.com", "fine@example.com"])
    with Server(tmp_path, smtputf8=False) as server:
        monkeypatch.setenv("NIGHTSHIFT_SMTP", server.address)
        assert run() == 0
        assert server.recipients() == ["fine@example.com"]
    assert sorted(states().values()) == ["accepted", "failed"]


def test_two_accounts_at_one_address_get_one_mail(world, server):
    world.members({"a": "Shared@example.com", "b": "shared@example.com"})
    world.consents({"a": True, "b": True})
    world.publish([{"account_id": "a", "address_hash": "same"}, {"account_id": "b", "address_hash": "same"}])
    assert run("--connections", "1") == 0
    assert len(server.mails()) == 1
    assert sorted(states().values()) == ["accepted", "withheld"]
    # that they are one address is known from the door on, in whatever case they were typed
    files = [str(path) for path in world.home.glob("landing/members/accounts/*/*/*.parquet")]
    rows = duckdb.execute("select count(distinct email_hash), count(*) from read_parquet($1)", [files]).fetchone()
    assert rows == (1, 2)


def test_outside_the_readers_window_nothing_goes_out(world, server):
    world.members({"a": "early@example.com", "b": "late@example.com"})
    world.consents({"a": True, "b": True})
    world.publish(
        [{"account_id": "a", "not_before_at": AT + timedelta(hours=2)}, {"account_id": "b", "not_after_at": AT}]
    )
    assert run() == 0
    assert server.mails() == []
    assert run(at=AT + timedelta(hours=2)) == 0
    assert server.recipients() == ["early@example.com"]


def test_who_is_held_out_gets_nothing_and_is_put_on_record(world, server):
    world.members({"a": "one@example.com", "b": "two@example.com"})
    world.consents({"a": True, "b": True})
    keys = world.publish([{"account_id": "a", "is_holdout": True}, {"account_id": "b"}])
    assert run() == 0
    assert server.recipients() == ["two@example.com"]
    assert world.committed() == dict(zip(keys, ["withheld", "accepted"], strict=True))
    assert run() == 0


def test_a_template_that_lacks_a_value_stops_that_mail_and_says_so(world, server, capsys):
    world.members({"a": "one@example.com", "b": "two@example.com"})
    world.consents({"a": True, "b": True})
    world.publish([{"account_id": "a", "data_json": '{"artists": []}'}, {"account_id": "b"}])
    assert run() == REFUSED
    assert server.recipients() == ["two@example.com"]
    assert "UndefinedError" in capsys.readouterr().err


def test_without_keys_mails_go_to_this_machine_only(world, monkeypatch):
    monkeypatch.delenv("NIGHTSHIFT_MAIL_KEY")
    monkeypatch.setenv("NIGHTSHIFT_SMTP", "mail.example.com:25")
    with pytest.raises(Stop, match="NIGHTSHIFT_DKIM_KEY and NIGHTSHIFT_MAIL_KEY") as stopped:
        run()
    assert stopped.value.code == USAGE


def test_the_ledger_lets_one_mail_to_an_address_and_period(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        _intend(ledger, "a", address_hash="same")
        with pytest.raises(AlreadySent):
            _intend(ledger, "b", address_hash="same")
        _intend(ledger, "c", address_hash="same", period="2026-W11")
        _intend(ledger, "a", address_hash="same", state="failed")
        _intend(ledger, "b", address_hash="same")
    assert sqlite3.connect(tmp_path / "ledger.sqlite").execute("select count(*) from mails").fetchone() == (3,)


# Killed


def start(**environment: str) -> subprocess.Popen:
    """The sender as a process of its own."""
    command = [
        sys.executable,
        "-m",
        "scripts.nightshift",
        "deliver",
        "--at",
        AT.strftime("%Y-%m-%dT%H:%M:%S"),
        "--rate",
        "5000",
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def check(world: MailEstate, server: Server, people: dict[str, str], addresses: list[str]) -> None:
    """No recipient twice, none lost but those that are listed; what the ledger says is what the landing says."""
    said = states()
    taken = server.recipients()
    assert len(taken) == len(set(taken)), "somebody got it twice"
    assert set(said) == set(people)
    assert set(said.values()) <= {"accepted", "unknown"}
    by_key = dict(zip(people, addresses, strict=True))
    assert {by_key[key] for key, state in said.items() if state == "accepted"} <= set(taken)
    assert set(addresses) - set(taken) <= {by_key[key] for key, state in said.items() if state == "unknown"}
    assert world.committed() == said


@pytest.mark.parametrize(
    ("point", "unknown"),
    [
        ("deliver:before-intent#5", 0),
        ("deliver:after-data#5", 1),
        ("deliver:after-outcome#5", None),
        ("deliver:after-commit", 0),
        *(
            pytest.param(f"deliver:{point}", 0, marks=pytest.mark.nightly)
            for point in ("after-land", "before-ledger#5", "after-intent#5", "before-outcome#5", "before-commit")
        ),
    ],
)
def test_a_sender_killed_at_a_named_point(world, server, point, unknown):
    addresses = [f"reader{n}@example.com" for n in range(12)]
    people = world.people(addresses)
    killed = start(NIGHTSHIFT_FAULT=point)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert run() == 0
    assert run() == 0
    check(world, server, people, addresses)
    if unknown is not None:
        # the point was passed by one mail; others may have been between data and answer on other connections
        assert list(states().values()).count("unknown") >= unknown


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_sender_killed_at_two_hundred_random_moments(world, tmp_path, monkeypatch):
    """Every quarter of a minute some more mails are due; each run is killed anywhere between its start and its end.

    A run that ended before its moment does not count. Mails are rendered in the sender itself: what other processes do
    that help it has a test of its own.
    """
    monkeypatch.setattr(preparing, "WORTH_A_POOL", 1_000_000)
    chance, taken = random.Random(8), Server(tmp_path)
    rounds, a_round, kills, usual = 320, 8, 0, []
    addresses = [f"reader{n}@example.com" for n in range(rounds * a_round)]
    people = world.people(
        addresses, [{"not_before_at": AT + timedelta(seconds=15 * (n // a_round))} for n in range(rounds * a_round)]
    )
    with serving(tmp_path, taken.port):
        monkeypatch.setenv("NIGHTSHIFT_SMTP", taken.address)
        for number in range(rounds):
            began, sender = time.monotonic(), fork(AT + timedelta(seconds=15 * number))
            if kills < 200:
                time.sleep(chance.uniform(0, 1.2 * statistics.median(usual[-9:] or [1.0])))
            ended, status = os.waitpid(sender, os.WNOHANG if kills < 200 else 0)
            if ended:
                assert os.waitstatus_to_exitcode(status) == 0
                usual.append(time.monotonic() - began)
            else:
                os.kill(sender, signal.SIGKILL)
                os.waitpid(sender, 0)
                kills += 1
            if number % 8 == 0:  # an undisturbed run now and then: how long one takes changes with what it has to do
                began = time.monotonic()
                assert run(at=AT + timedelta(seconds=15 * number + 1)) == 0
                usual.append(time.monotonic() - began)
        assert run(at=AT + timedelta(hours=4)) == 0
    assert kills == 200
    check(world, taken, people, addresses)
    unknown = list(states().values()).count("unknown")
    print(f"{kills} kills, {len(taken.mails())} taken, {unknown} listed as unknown")
    assert unknown <= kills * 4  # at most one a connection


@pytest.mark.nightly
def test_a_killed_senders_helpers_end_with_it(world, server):
    """Rendering in other processes: none of them outlives the sender, whatever kills it."""
    world.people([f"reader{n}@example.com" for n in range(1200)])
    sender = start()
    while server.count() < 20:
        assert sender.poll() is None, sender.stdout.read()
        time.sleep(0.02)
    assert len(processes_of(world.home)) > 1, "nobody helps, so nothing is shown"
    sender.kill()
    sender.communicate()
    deadline = time.monotonic() + 15
    while left := processes_of(world.home):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.1)
    assert run() == 0
    assert len(server.recipients()) == len(set(server.recipients()))


def processes_of(home: Path) -> list[str]:
    """The other processes that work on a home, by their commands."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and str(home).encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
        except OSError:  # it ended meanwhile
            continue
    return [command for command in found if command]


def fork(at: datetime = AT) -> int:
    """The sender in a copy of this process, which is ready sooner than a new one."""
    if child := os.fork():
        return child
    try:
        code = run(at=at)
    except BaseException:
        code = 99
    os._exit(code)


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen]:
    """The server as a process of its own."""
    (folder / "ready").unlink(missing_ok=True)
    command = [sys.executable, str(ROOT / "tests" / "python" / "mail_server.py"), str(folder), str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "python")})
    try:
        while not (folder / "ready").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_server_killed_again_and_again(world, tmp_path, monkeypatch):
    chance, taken = random.Random(8), Server(tmp_path)
    monkeypatch.setenv("NIGHTSHIFT_SMTP", taken.address)
    addresses = [f"reader{n}@example.com" for n in range(1500)]
    people = world.people(addresses)
    for _ in range(20):
        with serving(tmp_path, taken.port) as process:
            sender = fork()
            enough = taken.count() + chance.randint(1, 40)
            while taken.count() < enough:
                time.sleep(0.001)
            process.kill()
            _, status = os.waitpid(sender, 0)
            assert os.waitstatus_to_exitcode(status) == STOPPED
    with serving(tmp_path, taken.port):
        assert run() == 0
    check(world, taken, people, addresses)
