"""A small simulated world taken through landing and build, some nights apart: for tests that need all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from scripts import land
from scripts.simulate import write_days
from scripts.simulator.settings import Settings, Target

ROOT = Path(__file__).resolve().parent.parent.parent
WORLD = Settings(seed=7, days=24, members=500, artists=200, tracks=700, plays_per_day=500, hourly_days=1)
CORE_AND_BUSINESS = ("+models/marts/core", "+models/marts/business")


@dataclass
class Nights:
    """The home of a world, and what can be done with it."""

    home: Path
    world: Settings = WORLD

    def arrive(self, until: int) -> None:
        """Lands what arrived up to day 0, 1, … of the world."""
        report = land.land_all(self.world.date(until))
        assert not report.refused, report.refused

    def build(self, *arguments: str, home: Path | None = None) -> str:
        """``dbt build`` of the models that core and business are made of, with their data tests."""
        home = home or self.home
        (home / "dev").mkdir(parents=True, exist_ok=True)
        command = [str(Path(sys.executable).with_name("dbt")), "build", "--exclude-resource-type", "unit_test"]
        command += ["--profiles-dir", str(ROOT), "--project-dir", str(ROOT), "--target-path", str(self.home / "target")]
        command += [*arguments, "--select", *CORE_AND_BUSINESS]
        env = {
            **os.environ,
            "NIGHTSHIFT_HOME": str(home),
            "NIGHTSHIFT_MEMORY": "2GB",
            "DBT_LOG_PATH": str(home / "logs"),
        }
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def query(self, sql: str) -> list[tuple]:
        """Rows from the warehouse; ``{truth}`` is the simulator's folder."""
        connection = duckdb.connect(str(self.home / "dev/warehouse.duckdb"), read_only=True)
        try:
            return connection.execute(sql.replace("{truth}", str(self.home / "truth"))).fetchall()
        finally:
            connection.close()

    def rebuilt(self, since: int) -> dict[str, list[str]]:
        """The days (or ['whole']) that each model wrote after a point of the ledger."""
        found: dict[str, list[str]] = {}
        for model, day in self.query(
            f"select distinct model, coalesce(cast(day as varchar), 'whole') from ops.ledger where sequence > {since} "
            "and output_hash not in ('created', 'started') and model = relation order by 1, 2"
        ):
            found.setdefault(model, []).append(day)
        return found

    def sequence(self) -> int:
        """The newest point of the ledger."""
        return self.query("select max(sequence) from ops.ledger")[0][0]


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory):
    """The world after two builds: its first 16 days at once, then the rest."""
    home = tmp_path_factory.mktemp("nights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_HOME", str(home))
        patch.setenv("NIGHTSHIFT_PSEUDONYM_SEED", "test")
        patch.setenv("NIGHTSHIFT_MASTER_KEY", "22" * 32)
        found = Nights(home)
        write_days(WORLD, Target(home / "inbox", home / "truth"), range(WORLD.days), workers=1)
        found.arrive(15)
        found.build()
        found.arrive(WORLD.days - 1)
        found.build()
        yield found
