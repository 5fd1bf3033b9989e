"""The one command: ``./nightshift STEP``. Each step lives in a module of its own, imported when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util

import click

from scripts.console import run_step

STEPS = {
    "simulate": "scripts.simulate",
    "land": "scripts.land",
    "sources": "scripts.sources",
    "vault": "scripts.vault",
    "rules": "scripts.rules",
    "build": "scripts.build",
    "plan": "scripts.build",
    "rebuild": "scripts.rebuild",
    "replay": "scripts.replay",
    "determinism": "scripts.determinism",
    "correct": "scripts.correct",
    "ci": "scripts.ci",
    "rows": "scripts.rows",
    "quarantine": "scripts.quarantine",
    "publish": "scripts.publish",
    "rollback": "scripts.publish",
    "index": "scripts.index",
    "search": "scripts.search",
    "night": "scripts.night",
    "hour": "scripts.hour",
    "post": "scripts.post",
    "close": "scripts.close",
    "explain": "scripts.explain",
    "statements": "scripts.statements",
    "methods": "scripts.methods",
    "prepare": "scripts.post",
    "approve": "scripts.post",
    "trace": "scripts.trace",
    "train": "scripts.train",
    "due": "scripts.train",
    "promote": "scripts.train",
    "demote": "scripts.train",
    "decide": "scripts.decide",
    "judge": "scripts.judge",
    "fraud-export": "scripts.fraud_export",
    "recommend": "scripts.recommend",
    "evaluate": "scripts.evaluate",
    "campaign": "scripts.campaign",
    "deliver": "scripts.deliver",
    "status": "scripts.status",
    "report": "scripts.report",
    "spark": "scripts.spark",
    "sink": "scripts.sink",
    "metrics": "scripts.metrics",
    "docs": "scripts.docs",
    "backup": "scripts.backup",
    "restore": "scripts.backup",
    "gc": "scripts.gc",
    "chaos": "scripts.chaos.command",
    "clean": "scripts.clean",
}


def has_step(name: str) -> bool:
    """True if this project has the step."""
    return name in STEPS and importlib.util.find_spec(STEPS[name]) is not None


class Steps(click.Group):
    """A group whose commands are found by name, so that ``--help`` of one does not import all."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The steps in the order of a night."""
        return [name for name in STEPS if has_step(name)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The step's click command: the module's attribute of the same name."""
        if not has_step(name):
            return None
        return getattr(importlib.import_module(STEPS[name]), name.replace("-", "_"))


@click.group(cls=Steps, context_settings={"help_option_names": ["-h", "--help"], "terminal_width": 110})
def main() -> None:
    """Nightshift: dumps of backends in, tested and published marts out.

    One direction: backends ship dumps into the inbox, `land` takes them in, `build` makes the models from what
    landed, `publish` shows the tested marts to readers, all at once. `night` is all of it. Every step can be run
    alone, killed anywhere and run again.

    \b
    Examples
      ./nightshift night                    everything that has arrived, up to published marts
      ./nightshift night --on 2026-02-14    the same as if nothing had arrived after that day
      ./nightshift plan                     what the next build would do, and why; changes nothing
      ./nightshift build --select +revenue_daily
      ./nightshift publish                  after a repaired build: show it to readers
      ./nightshift rollback                 readers see the run before this one again
      ./nightshift status                   last night, freshness, health of the marts, sizes

    \b
    Exit codes
      0  done, or nothing to do       3  another night holds the lock
      1  some data was refused        4  a build or a test failed; the rest was published
      2  wrong use                    5  stopped by something outside the data; run it again

    \b
    Settings (environment)
      NIGHTSHIFT_HOME          where all state lives (default: var/)
      NIGHTSHIFT_MEMORY        DuckDB's memory limit (default 6GB)
      NIGHTSHIFT_THREADS       threads of one statement (default 2)
      NIGHTSHIFT_DBT_THREADS   models built at the same time (default 4)
      NIGHTSHIFT_SPILL         where large sorts go (default: spill/ under NIGHTSHIFT_HOME)
      NIGHTSHIFT_KEEP_RUNS     published runs that are kept (default: retention.yml)
      NIGHTSHIFT_BACKUP        where `backup` puts the run state
      NIGHTSHIFT_DEFER_REBUILDS  1: each night is one with --defer-rebuilds
      NIGHTSHIFT_MASTER_KEY    what opens the vault; without it a key for development is made
    """


if __name__ == "__main__":
    run_step(main)
