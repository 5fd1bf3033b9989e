"""Superset over what is published: its own state under NIGHTSHIFT_HOME/superset, each question in tonight's file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

HOME = Path(os.environ.get("NIGHTSHIFT_HOME") or Path(__file__).parents[2] / "var").resolve()
STATE = HOME / "superset"
STATE.mkdir(parents=True, exist_ok=True)


def kept_secret(name: str) -> str:
    """A word made up at the first start, which only this user can read afterwards."""
    path = STATE / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


SECRET_KEY = kept_secret("secret_key")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{STATE / 'superset.db'}"
# DuckDB is a file, which Superset takes for unsafe; it is opened read-only below, whatever an address says.
PREVENT_UNSAFE_DB_CONNECTIONS = False
# "The newest month" is a subquery in a filter.
FEATURE_FLAGS = {"ALLOW_ADHOC_SUBQUERY": True}
# The pages ask nobody but this server: no pixel that counts them, no fonts or maps of others.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "nightshift",
        "label": "Nightshift",
        "description": "Okabe and Ito's colours, as in the dashboard: colour-blind readers can tell them apart",
        "isDefault": True,
        "colors": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#4d4d4d"],
    }
]


def DB_CONNECTION_MUTATOR(uri: URL, params: dict[str, Any], *_: object) -> tuple[URL, dict[str, Any]]:
    """Open a published file where its link points now, read-only.

    Superset opens a connection a question and keeps none (NullPool), so the next question is answered by tonight's file
    while one that runs keeps the file it began with. An address is below NIGHTSHIFT_HOME; nothing but what is published
    is opened.
    """
    if uri.get_backend_name() == "duckdb" and uri.database:
        found = (HOME / uri.database).resolve()
        if not found.is_relative_to(HOME / "published"):
            raise ValueError(f"{uri.database}: only files under published/ are opened")
        uri = uri.set(database=str(found)).update_query_dict({"access_mode": "read_only"})
    return uri, params
