"""The one command: ``./nightshift STEP``. Each step lives in a module of its own, imported when it is asked for."""

from __future__ import annotations

import importlib

import click

STEPS = {
    "simulate": "scripts.simulate",
    "land": "scripts.land",
    "sources": "scripts.sources",
    "build": "scripts.build",
    "plan": "scripts.build",
    "publish": "scripts.publish",
    "rollback": "scripts.publish",
    "night": "scripts.night",
    "status": "scripts.status",
}


class Steps(click.Group):
    """A group whose commands are found by name, so that ``--help`` of one does not import all."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The steps in the order of a night."""
        return list(STEPS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The step's click command: the module's attribute of the same name."""
        if name not in STEPS:
            return None
        return getattr(importlib.import_module(STEPS[name]), name.replace("-", "_"))


@click.group(cls=Steps)
def main() -> None:
    """Nightshift: dumps of backends in, tested and published marts out."""


if __name__ == "__main__":
    main()
