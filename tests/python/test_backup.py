"""Backup and restore: the whole run state, into another root, where the next night has nothing to do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from datetime import timedelta

import pytest
from estate import DAY, accounts_of, payments
from fake_warehouse import FakeWarehouse
from test_night import make
from test_publish import MARTS, all_marts

from scripts.backup import LAYERS, RECORD, Backup, backup, restore
from scripts.console import DONE, LOCKED, REFUSED, STOPPED, USAGE, Stop
from scripts.files import replace_json
from scripts.landing.vault import Vault
from scripts.lock import night_lock
from scripts.mail.ledger import Ledger
from scripts.publish import publish
from scripts.registry import register


def run(command, *arguments):
    """The command as the shell would run it; returns its exit code and what it said when it stopped."""
    try:
        return command.main([str(argument) for argument in arguments], standalone_mode=False) or DONE, ""
    except Stop as stop:
        return stop.code, str(stop)


def state(home):
    """Every file of the layers with its bytes and mode, databases by their rows, links by their targets."""
    found = {}
    for layer in LAYERS:
        for path in sorted((home / layer).rglob("*")):
            name = str(path.relative_to(home))
            if any(part.startswith(".") for part in path.parts[len(home.parts) :]) or path.suffix == ".lock":
                continue
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.suffix == ".sqlite":
                with sqlite3.connect(path) as database:
                    found[name] = list(database.iterdump())
            elif path.is_file() and not path.name.endswith(("-wal", "-shm")):
                found[name] = (path.read_bytes(), path.stat().st_mode & 0o777)
    return found


@pytest.fixture
def living(estate):
    """A root with something in every layer."""
    estate.ship("billing", "payments.csv", payments({}, {"amount": "many"}))
    estate.ship("members", "accounts.csv", accounts_of("a1", "a2"))
    estate.land()
    with Vault() as vault:
        assert vault.counts()["persons"] == 2
    with Ledger():
        pass
    register("fraud", {"weights.json": b"{}"}, {"metrics": {}}, DAY)
    made = FakeWarehouse(estate.home, MARTS)
    made.build("2026-01-04", all_marts(4))
    assert run(publish)[0] == DONE
    replace_json(estate.home / "warehouse/last_night.json", {"on": "2026-01-04"})
    return estate


@pytest.fixture
def elsewhere(tmp_path):
    return tmp_path / "elsewhere"


def restored(monkeypatch, root, *arguments):
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(root))
    return run(restore, *arguments)


def test_everything_comes_back_in_another_root(living, tmp_path, elsewhere, monkeypatch):
    assert run(backup, "--to", tmp_path / "backups") == (DONE, "")
    assert (tmp_path / "backups/current").resolve().name == "2026-01-04-1"
    assert run(backup, "--to", tmp_path / "backups", "--verify") == (DONE, "")
    root = tmp_path / "backups/2026-01-04-1"
    there = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and not p.is_symlink()}
    assert {entry["path"] for entry in json.loads((root / RECORD).read_text())["files"]} == there - {RECORD}
    expected = state(living.home)
    assert {name.split("/")[0] for name in expected} >= set(LAYERS) - {"exports", "site"}
    assert restored(monkeypatch, elsewhere, "--from", tmp_path / "backups") == (DONE, "")
    assert state(elsewhere) == expected
    assert (elsewhere / "vault").stat().st_mode & 0o777 == 0o700
    assert not (elsewhere / ".restoring").exists()
    with Vault() as vault:
        assert vault.counts()["persons"] == 2, "the vault opens with the same key"
    shared = {path.stat().st_ino for path in elsewhere.rglob("*") if path.is_file()}
    assert not shared & {path.stat().st_ino for path in (tmp_path / "backups").rglob("*") if path.is_file()}
    assert run(restore, "--from", tmp_path / "backups")[0] == USAGE, "a root with something in it is left alone"
    (elsewhere / "landing/stranger").write_text("of another state")
    assert run(restore, "--from", tmp_path / "backups", "--replace") == (DONE, "")
    assert state(elsewhere) == expected


def test_the_next_backup_writes_what_changed(living, tmp_path, capsys):
    run(backup, "--to", tmp_path / "backups")
    living.ship("billing", "payments.csv", payments({"amount": "1.00"}), DAY + timedelta(days=1))
    living.land()
    run(backup, "--to", tmp_path / "backups")
    first, second = (tmp_path / f"backups/2026-01-04-{n}" for n in (1, 2))
    was, now = ({str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} for root in (first, second))
    assert was < now
    new = {name for name in now if name not in was or (first / name).stat().st_ino != (second / name).stat().st_ino}
    assert {name.split("/")[0] for name in new} == {"landing", "vault", "mail", RECORD}
    run(backup, "--to", tmp_path / "backups", "--keep", "1", "--no-warehouse")
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == ["2026-01-04-3", "current"]
    assert not (tmp_path / "backups/current/warehouse").exists()


@pytest.mark.nightly
def test_old_backups_forget_who_people_are(living, tmp_path, elsewhere, monkeypatch):
    run(backup, "--to", tmp_path / "backups")
    replace_json(living.home / "warehouse/last_night.json", {"on": "2026-01-20"})
    run(backup, "--to", tmp_path / "backups")
    assert not (tmp_path / "backups/2026-01-04-1/vault").exists()
    assert (tmp_path / "backups/2026-01-20-2/vault/vault.sqlite").exists()
    code, said = restored(monkeypatch, elsewhere, "--from", tmp_path / "backups/2026-01-04-1")
    assert (code, "no vault any more" in said) == (USAGE, True)
    assert run(restore, "--from", tmp_path / "backups/2026-01-04-1", "--without-vault")[0] == DONE


@pytest.mark.parametrize(
    "damage",
    ["other bytes", *(pytest.param(d, marks=pytest.mark.nightly) for d in ("a file less", "no record"))],
)
def test_a_damaged_backup_changes_nothing(living, tmp_path, elsewhere, monkeypatch, damage):
    run(backup, "--to", tmp_path / "backups")
    made = tmp_path / "backups/2026-01-04-1"
    victim = next(made.glob("quarantine/**/*.jsonl"))
    if damage == "other bytes":
        victim.chmod(0o644)
        victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    elif damage == "a file less":
        victim.unlink()
    else:
        (made / RECORD).unlink()
    code, said = run(backup, "--to", tmp_path / "backups", "--verify")
    assert code == (USAGE if damage == "no record" else REFUSED), said
    code, said = restored(monkeypatch, elsewhere, "--from", tmp_path / "backups")
    assert code == (USAGE if damage == "no record" else REFUSED), said
    assert [path for path in elsewhere.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_no_backup_inside_what_it_is_of_nor_while_something_writes(estate, tmp_path):
    assert run(backup, "--to", estate.home / "backups")[0] == USAGE
    with night_lock("night"):
        assert run(backup, "--to", tmp_path / "backups", "--wait", "0")[0] == LOCKED
    assert not list((tmp_path / "backups").iterdir())


def forked(command, point, *arguments):
    """The command in a process that dies at a fault point."""
    child = os.fork()
    if child == 0:
        os.environ["NIGHTSHIFT_FAULT"] = point
        try:
            run(command, *arguments)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"{point} was not passed"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("point", "how"),
    [("backup:before-remove", ("--keep", "1")), ("backup:before-forgetting", ("--vault-days", "0"))],
)
def test_what_an_old_backup_is_to_lose_is_gone_after_the_next(living, tmp_path, point, how):
    target = tmp_path / "backups"
    run(backup, "--to", target)
    (first,) = (path for path in target.iterdir() if not path.is_symlink())
    old = Backup.read(first)
    old.night = "2025-01-01"
    old.write(first)
    forked(backup, point, "--to", target, *how)
    assert run(backup, "--to", target, *how) == (DONE, "")
    assert not (first / "vault").exists()
    assert first.exists() == (point == "backup:before-forgetting")
    assert run(backup, "--verify", "--to", target) == (DONE, "")


@pytest.mark.nightly
@pytest.mark.parametrize("point", ["backup:after-file#5", "backup:before-rename", "backup:before-link"])
def test_a_killed_backup_is_none_and_the_next_is_whole(living, tmp_path, elsewhere, monkeypatch, point):
    (tmp_path / "backups").mkdir()
    forked(backup, point, "--to", tmp_path / "backups")
    code, said = restored(monkeypatch, elsewhere, "--from", tmp_path / "backups")
    assert code == USAGE, said
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(living.home))
    assert run(backup, "--to", tmp_path / "backups") == (DONE, "")
    left = [path.name for path in (tmp_path / "backups").iterdir() if path.name.startswith(".")]
    assert not left
    expected = state(living.home)
    assert restored(monkeypatch, elsewhere, "--from", tmp_path / "backups") == (DONE, "")
    assert state(elsewhere) == expected


@pytest.mark.parametrize(
    "point",
    ["restore:after-layer#3", *(
        pytest.param(point, marks=pytest.mark.nightly)
        for point in ("restore:after-file#5", "restore:before-swap", *(f"restore:after-layer#{n}" for n in (1, 8, 9)),
                      "restore:before-forgetting")
    )],
)  # fmt: skip
def test_a_killed_restore_is_finished_before_anything_else_runs(living, tmp_path, elsewhere, monkeypatch, point):
    run(backup, "--to", tmp_path / "backups")
    expected = state(living.home)
    shutil.copytree(living.home, elsewhere, symlinks=True)
    (elsewhere / "landing/stranger").write_text("of another state")
    (elsewhere / "hourly").mkdir()
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(elsewhere))
    forked(restore, point, "--from", tmp_path / "backups", "--replace")
    if point.startswith(("restore:after-layer", "restore:before-forgetting")):
        code, said = run(publish)
        assert (code, "did not finish" in said) == (STOPPED, True)
    else:
        assert (elsewhere / "landing/stranger").exists(), "nothing was changed yet"
    assert run(restore, "--from", tmp_path / "backups", "--replace")[0] == DONE
    assert state(elsewhere) == expected
    assert not (elsewhere / ".restoring").exists()
    assert not (elsewhere / "hourly").exists(), "it was made of the other state"


@pytest.mark.nightly
def test_a_night_in_the_restored_root_rebuilds_nothing(tmp_path):
    project = make(tmp_path / "project")
    for day in (1, 2):
        project.arrive(f"2026-01-0{day}")
    assert project.run("night").returncode == DONE
    done = project.run("backup", "--to", str(tmp_path / "backups"))
    assert done.returncode == DONE, done.stderr
    expected = project.hashes()
    project.home = tmp_path / "elsewhere"
    done = project.run("restore", "--from", str(tmp_path / "backups"))
    assert done.returncode == DONE, done.stderr
    done = project.run("night")
    assert "nothing new" in done.stdout, done.stdout + done.stderr
    done = project.run("build")
    assert done.returncode == DONE, done.stdout + done.stderr
    assert project.rebuilt() == {}
    project.arrive("2026-01-03")
    assert project.run("night").returncode == DONE
    assert project.rebuilt()["fct_plays"] == ["2026-01-03"]
    assert set(project.hashes()) == set(expected)
