"""People: one pseudonym each, keys that rotate, erasure that stays."""

from __future__ import annotations

import json
import signal
import sqlite3
from datetime import date

import pytest
from click.testing import CliRunner
from estate import DAY, accounts_of, payments

from scripts import vault as command
from scripts.console import Stop
from scripts.landing import vault as vaults
from scripts.landing.vault import ERASED, Vault

ACCOUNTS = "account_id,country,email,full_name\n"


def requested(*people: str) -> str:
    rows = [{"request_id": f"r-{p}", "account_id": p, "requested_at": "2026-01-10T08:00:00Z"} for p in people]
    return "".join(json.dumps(row) + "\n" for row in rows)


def run(*arguments: str):
    result = CliRunner().invoke(command.vault, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_nothing_readable_lies_in_the_vault(estate):
    estate.ship("members", "accounts.csv", accounts_of("alice", "bob"))
    estate.land()
    files = list((estate.home / "vault").iterdir())
    content = b"".join(f.read_bytes() for f in files)
    assert not [word for word in (b"alice", b"example.com", b"Name of") if word in content]
    assert {f.stat().st_mode & 0o077 for f in files if f.suffix == ".sqlite"} == {0}
    pseudonyms = [row[0] for row in estate.rows("members.accounts", "account_id")]
    with Vault() as opened:
        assert opened.contents(pseudonyms)[pseudonyms[0]] == {
            "email": "alice@example.com",
            "full_name": "Name of alice",
        }


def test_the_vault_keeps_the_newest_word_only(estate):
    estate.ship("members", "accounts.csv", accounts_of("alice"))
    estate.land()
    (pseudonym,) = (row[0] for row in estate.rows("members.accounts", "account_id"))
    moved = ACCOUNTS + "alice,FR,new@example.com,Name of alice\n"
    estate.ship("members", "accounts.csv", moved, date(2026, 1, 12))
    estate.land()
    estate.ship("members", "accounts.csv", accounts_of("alice", "bob"), "2026-01-13/for-2026-01-11")
    estate.land()
    with Vault() as opened:
        assert opened.contents([pseudonym])[pseudonym]["email"] == "new@example.com"
        assert opened.counts() == {"persons": 2, "erased": 0}


def test_a_wrong_or_broken_master_key_is_said(estate, monkeypatch):
    estate.ship("members", "accounts.csv", accounts_of("alice"))
    estate.land()
    monkeypatch.setenv("NIGHTSHIFT_MASTER_KEY", "22" * 32)
    with pytest.raises(Stop, match="does not open"):
        Vault()
    monkeypatch.setenv("NIGHTSHIFT_MASTER_KEY", "secret")
    with pytest.raises(Stop, match="32 random bytes"):
        Vault()


@pytest.mark.parametrize("data_key", [(), ("--data-key",)])
def test_rotation_changes_the_keys_and_nothing_else(estate, monkeypatch, data_key):
    estate.ship("members", "accounts.csv", accounts_of("alice"))
    estate.land()
    before = estate.contents()
    monkeypatch.setenv("NIGHTSHIFT_MASTER_KEY_NEW", "22" * 32)
    run("rotate", *data_key)
    with pytest.raises(Stop, match="does not open"):
        Vault()
    monkeypatch.setenv("NIGHTSHIFT_MASTER_KEY", "22" * 32)
    estate.ship("members", "accounts.csv", accounts_of("alice", "bob"), date(2026, 1, 11))
    estate.land()
    assert {k: v for k, v in estate.contents().items() if k in before} == before
    people = [row[0] for row in estate.rows("members.accounts", "account_id", "_arrived_on, _source_line")]
    assert people[0] == people[1], "the same person is the same pseudonym"
    with Vault() as opened:
        assert opened.contents(people[:1])[people[0]]["full_name"] == "Name of alice"


def test_a_rotation_of_the_key_file_killed_in_the_middle_loses_nothing(estate, monkeypatch):
    monkeypatch.delenv("NIGHTSHIFT_MASTER_KEY")
    estate.ship("members", "accounts.csv", accounts_of("alice"))
    estate.land()

    def killed(*arguments):
        raise KeyboardInterrupt

    for where in ("before the vault is written", "after the vault is written"):
        with monkeypatch.context() as patched, Vault() as opened:
            target = (Vault, "rotate") if where.startswith("before") else (vaults.Path, "rename")
            original = vaults.Path.rename
            if where.startswith("after"):

                def rename(path, to, original=original):
                    return killed() if path.suffix == ".new" else original(path, to)

                patched.setattr(vaults.Path, "rename", rename)
            else:
                patched.setattr(*target, killed)
            with pytest.raises(KeyboardInterrupt):
                vaults.rotate_key_file(opened, False)
        with Vault() as opened:
            assert opened.counts()["persons"] == 1, where
    run("rotate")
    with Vault() as opened:
        assert opened.pseudonym_of("alice")


def test_who_was_erased_does_not_come_back(estate):
    estate.ship("members", "accounts.csv", accounts_of("alice", "bob"))
    estate.ship("billing", "payments.csv", payments({"account_id": "alice"}))
    estate.ship("members", "erasure_requests.jsonl", requested("alice"))
    estate.land()
    alice = estate.rows("billing.payments", "account_id")[0][0]
    run("erase", "--requests", "--on", "2026-01-10")
    assert "nobody to forget" in run("erase", "--requests", "--on", "2026-01-11").output
    (record,) = estate.rows("nightshift.erasures", "request_id, erased_on, account_id, vault_rows")
    assert record == ("r-alice", DAY, alice, 1)
    with Vault() as opened:
        assert opened.counts() == {"persons": 1, "erased": 1}
        assert opened.contents([alice]) == {}
        assert opened.pseudonym_of("alice") == ERASED

    later = date(2026, 1, 11)
    estate.ship("members", "accounts.csv", accounts_of("alice", "bob"), later)
    estate.ship("billing", "payments.csv", payments({"account_id": "alice", "amount": "5.00"}, {}), later)
    estate.ship("members", "erasure_requests.jsonl", requested("alice", "bob"), later)
    report = estate.land()
    by_table = {m["table"]: m for m in report.landed}
    assert (by_table["accounts"]["rows"], by_table["accounts"]["erased"]) == (1, 1), "its key is a person: withheld"
    assert by_table["accounts"]["control_totals"]["rows"]["counted"] == 2, "and counted"
    paid = estate.rows("billing.payments", "account_id, card, amount::varchar", "_arrived_on, _source_line")
    assert paid[1] == (ERASED, None, "5.00"), "money stays, about nobody"
    assert alice not in {row[0] for row in paid[1:]}
    run("erase", "--requests", "--on", "2026-01-11")
    with Vault() as opened:
        assert opened.counts() == {"persons": 1, "erased": 2}, "bob, and the account of the default payment is left"


@pytest.mark.parametrize("asked", [("--requests",), ("--account", "alice")])
@pytest.mark.parametrize("point", ["before-erasure", "after-erasure", "before-record", "after-record"])
def test_an_erasure_killed_anywhere_is_carried_out_and_recorded_once_by_the_next(estate, asked, point):
    estate.ship("members", "accounts.csv", accounts_of("alice", "bob"))
    estate.ship("members", "erasure_requests.jsonl", requested("alice"))
    estate.land()
    command = ["erase", *asked, "--on", "2026-01-10"]
    assert estate.run("vault", *command, NIGHTSHIFT_FAULT=f"vault:{point}").returncode == -signal.SIGKILL
    again = estate.run("vault", *command)
    assert again.returncode == 0, again.stderr
    (record,) = estate.rows("nightshift.erasures", "erased_on, vault_rows")
    assert record == (DAY, 1)
    assert "nobody to forget" in estate.run("vault", *command).stdout
    with Vault() as opened:
        assert opened.counts() == {"persons": 1, "erased": 1} and opened.unrecorded() == []


@pytest.mark.parametrize("point", ["before-key", "before-rotation", "after-rotation"])
def test_a_rotation_killed_anywhere_leaves_a_vault_that_opens_and_rotates(estate, monkeypatch, point):
    monkeypatch.delenv("NIGHTSHIFT_MASTER_KEY")
    estate.ship("members", "accounts.csv", accounts_of("alice"))
    estate.land()
    command = ["rotate", "--data-key"]
    assert estate.run("vault", *command, NIGHTSHIFT_FAULT=f"vault:{point}").returncode == -signal.SIGKILL
    with Vault() as opened:
        pseudonym = opened.pseudonym_of("alice")
        assert opened.contents([pseudonym])[pseudonym]["email"] == "alice@example.com"
    assert estate.run("vault", *command).returncode == 0
    with Vault() as opened:
        assert opened.contents([pseudonym])[pseudonym]["email"] == "alice@example.com"
    assert sorted(path.name for path in (estate.home / "vault").iterdir() if path.suffix != ".sqlite") == [
        "development.key"
    ]


def test_erasure_leaves_no_trace_in_the_vaults_files(estate):
    estate.ship("members", "accounts.csv", accounts_of("alice"))
    estate.land()
    path = estate.home / "vault" / "vault.sqlite"
    with sqlite3.connect(path) as database:
        key, contents = database.execute("select key, contents from persons").fetchone()
    run("erase", "--account", "alice", "--on", "2026-01-10")
    left = b"".join(f.read_bytes() for f in path.parent.iterdir())
    assert key not in left
    assert contents not in left
    assert "nobody to forget" in run("erase", "--account", "alice", "--on", "2026-01-11").output


def test_hashes_compare_what_people_would_call_the_same(estate):
    addresses = ["Al.Ice+news@GMail.com", "alice@googlemail.com", " ALICE@gmail.com ", "alice@example.com"]
    rows = "".join(f"a{n},DE,{address},x\n" for n, address in enumerate(addresses))
    estate.ship("members", "accounts.csv", ACCOUNTS + rows)
    estate.land()
    hashes = [row[0] for row in estate.rows("members.accounts", "email_hash")]
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
    with Vault() as opened:
        import hashlib
        import hmac

        assert hashes[3] == hmac.digest(opened.hash_key, b"alice@example.com", hashlib.sha256).hex()[:24]
