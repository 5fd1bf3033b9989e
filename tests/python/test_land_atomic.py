"""Landing killed anywhere, twice at once, on a full disk, or changed behind its back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from estate import Estate, accounts_of, payments, plays

from scripts.console import Stop
from scripts.land import land as command
from scripts.land import landing_lock
from scripts.landing.verify import problems

POINTS = ["typed", "after-vault", "before-manifest", "staged", "before-rename", "after-rename", "after-rename#3"]


def ship(estate: Estate) -> None:
    estate.ship("billing", "payments.csv.gz", payments({}, {"amount": "x"}))
    estate.ship("billing", "payments.csv.gz", payments({}, {}), "2026-01-11")
    estate.ship("billing", "payments.csv.gz", payments({}, {}, {}), "2026-01-12/for-2026-01-11")
    estate.ship("playback", "plays-1.jsonl", plays({}, {}))
    estate.ship("members", "accounts.csv", accounts_of("a1", "a2"))


@pytest.fixture
def undisturbed(estate, tmp_path, monkeypatch):
    """What a landing that nothing happens to leaves."""
    other = Estate(tmp_path / "undisturbed")
    ship(other)
    assert other.run("land").returncode == 0
    return other.contents()


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again_it_leaves_the_same_bytes(estate, undisturbed, point):
    ship(estate)
    assert estate.run("land", NIGHTSHIFT_FAULT=f"land:{point}").returncode == -signal.SIGKILL
    for name, content in estate.contents().items():
        assert undisturbed[name] == content, "what is visible is whole"
    assert estate.run("land").returncode == 0
    assert estate.contents() == undisturbed
    assert "5 dumps landed before" in estate.run("land").stdout
    assert not [p for p in (estate.home / "landing" / ".staging").rglob("*") if p.is_file()]


def test_one_landing_at_a_time(estate):
    ship(estate)
    with landing_lock("a test"):
        waiting = estate.run("land", "--wait", "0.1")
    assert waiting.returncode == 3
    assert "held by `a test`" in waiting.stderr
    assert estate.contents() == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda dump: _flip(dump / "part-0.parquet"), "part-0.parquet was changed: its hash is not the manifest's"),
        (lambda dump: (dump / "part-0.parquet").unlink(), "part-0.parquet is missing"),
        (lambda dump: (dump / "part-1.parquet").write_bytes(b""), "part-1.parquet is not in the manifest"),
        (lambda dump: (dump / "_manifest.json").unlink(), "has no manifest"),
        (lambda dump: _edit(dump, rows=5), "the manifest's rows do not add up"),
        (lambda dump: _edit(dump, arrived_on="2026-01-09"), "_manifest.json is that of"),
        (lambda dump: (dump / "_manifest.json").write_text("{"), "_manifest.json cannot be read"),
        (lambda dump: dump.rename(dump.with_name("0" * 16)), "_manifest.json is that of"),
    ],
)
def test_what_was_changed_behind_its_back_is_found(estate, change, said):
    ship(estate)
    estate.land()
    root = estate.home / "landing"
    assert list(problems(root)) == []
    (dump,) = (root / "playback" / "plays").glob("dt=*/*")
    change(dump)
    assert [problem for _, problem in problems(root) if said in problem]
    for folder in (dump, dump.with_name("0" * 16)):
        shutil.rmtree(folder, ignore_errors=True)
    assert [m["table"] for m in estate.land().landed] == ["plays"], "a dump that was removed lands again"
    assert list(problems(root)) == []


def test_verify_says_what_it_found_and_ends_with_1(estate):
    ship(estate)
    estate.land()
    assert "5 dumps, all as their manifests say" in CliRunner().invoke(command, ["--verify"]).output
    (dump,) = (estate.home / "landing" / "playback" / "plays").glob("dt=*/*")
    _flip(dump / "part-0.parquet")
    found = CliRunner().invoke(command, ["--verify"]).exception
    assert isinstance(found, Stop)
    assert (found.code, str(found)) == (1, "1 problem; remove the dump's folder and land again")


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _edit(dump: Path, **changes: object) -> None:
    path = dump / "_manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.nightly
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_leaves_nothing_half_done(estate, tmp_path):
    import random

    noise = random.Random(1)
    rows = [{"note": noise.randbytes(400).hex()} for _ in range(6_000)]
    estate.ship("billing", "payments.csv", payments({}, *rows[:100]))
    estate.ship("billing", "payments.csv", payments(*rows), "2026-01-11")
    small = estate.home / "landing"
    small.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.decode().strip()}")
    try:
        full = estate.run("land")
        assert full.returncode == 5, full.stderr
        assert "run it again" in full.stderr
        assert all("2026-01-10" in name for name in estate.contents()), "the big one is not there, not even in part"
        assert not list((small / ".staging").rglob("*.parquet"))
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        assert estate.run("land").returncode == 0
        assert sorted(m["rows"] for m in estate.manifests("billing.payments")) == [101, 6_000]
    finally:
        subprocess.run(["umount", "-l", small], check=True)
