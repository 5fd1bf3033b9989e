"""Superset on this machine with the project's dashboard: ``make superset`` (``--port``, 8088 unless said)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
os.environ["SUPERSET_CONFIG_PATH"] = str(HERE / "superset_config.py")
APP = "superset.app:create_app()"
PARTS = ("metadata.yaml", "databases/**/*.yaml", "datasets/**/*.yaml", "charts/**/*.yaml", "dashboards/**/*.yaml")


def files() -> dict[str, str]:
    """What Superset calls assets, by their names in an export."""
    return {path.relative_to(HERE).as_posix(): path.read_text() for part in PARTS for path in sorted(HERE.glob(part))}


def prepare() -> str:
    """Bring Superset's own database to this version, add the user, take in the files of this folder; the password."""
    import flask_migrate
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from flask import g
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.extensions import appbuilder, security_manager
        from superset_config import kept_secret

        flask_migrate.upgrade()
        password = kept_secret("password")
        if security_manager.find_user("admin") is None:
            appbuilder.add_permissions(update_perms=True)
            security_manager.sync_role_definitions()
            role = security_manager.find_role("Admin")
            security_manager.add_user("admin", "Night", "Shift", "admin@localhost", role, password)
        g.user = security_manager.find_user("admin")
        ImportAssetsCommand(files()).run()
    return password


def main() -> None:
    """Prepare, say where it is, and become the server."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--port", type=int, default=8088)
    port = asked.parse_args().port
    sys.path.insert(0, str(HERE))
    password = prepare()
    print(f"superset    http://localhost:{port}/superset/dashboard/business/   admin / {password}", flush=True)
    server = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    os.execv(sys.executable, [*server, "--worker-class", "gthread", "--threads", "8", "--timeout", "120", APP])


if __name__ == "__main__":
    main()
