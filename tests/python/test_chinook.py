"""A foreign database, from a live PostgreSQL to published figures: docs/your-own-backends.md, word for word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import duckdb
import psycopg
import pytest
from postgres_server import programs

from scripts.home import PROJECT

PAGE = PROJECT / "docs" / "your-own-backends.md"
SHARED = ("macros", "scripts", "tests/generic", "examples/chinook", "nightshift", "profiles.yml", "docs")
THEIR_OWN_FIGURES = """
    select date_trunc('month', invoice_date)::date, billing_country, genre.name,
        sum(invoice_line.unit_price * quantity), sum(quantity)
    from invoice_line
    inner join invoice using (invoice_id)
    inner join track using (track_id)
    inner join genre using (genre_id)
    group by 1, 2, 3
"""


@pytest.fixture(scope="module")
def walked(postgres, tmp_path_factory):
    """The page's commands, run in one shell in a copy of the project; returns its home and what was printed."""
    root = tmp_path_factory.mktemp("clone")
    for name in SHARED:
        if (PROJECT / name).is_dir():
            ignored = shutil.ignore_patterns("var", "target", "logs", "__pycache__")
            shutil.copytree(PROJECT / name, root / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(PROJECT / name, root / name)
    (root / ".venv").symlink_to((PROJECT / ".venv").resolve())
    commands = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    script = "set -eux\n" + "".join(commands)
    home = root / "home"
    environment = {
        **os.environ, "PGHOST": str(postgres.folder), "PGPORT": str(postgres.port), "PGUSER": "postgres",
        "NIGHTSHIFT_HOME": str(home), "PATH": f"{programs()}:{os.environ['PATH']}",
    }  # fmt: skip
    done = subprocess.run(["bash", "-c", script], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return home, done.stdout


def test_the_figures_are_the_databases_own_to_the_cent(walked, postgres):
    home, _ = walked
    with duckdb.connect(str(home / "published" / "current" / "marts.duckdb"), read_only=True) as marts:
        ours = marts.execute("select * from business.revenue_monthly").fetchall()
        kinds = marts.execute("select count(*) from business.media_types").fetchone()
    with psycopg.connect(postgres.dsn("chinook")) as connection:
        theirs = connection.execute(THEIR_OWN_FIGURES).fetchall()
    assert sorted(ours) == sorted(theirs)
    assert str(sum(row[3] for row in ours)) == "2328.60"
    assert kinds == (5,)


def test_the_commands_say_what_the_page_says(walked):
    _, said = walked
    assert re.search(r"2026-01-10: 5 dumps, 6,239 rows", said)
    assert re.search(r"nothing new \(5 dumps landed before", said)
    assert "USA" in said, "the published file was read"


def test_the_page_shows_the_description_as_it_is():
    shown = re.search(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    without_comments = [re.sub(r"\s+#.*", "", line) for line in shown.splitlines()]
    text = (PROJECT / "examples" / "chinook" / "backends" / "chinook.yml").read_text()
    actual = [re.sub(r"\s+#.*", "", line) for line in text.splitlines()]
    assert [line for line in without_comments if line not in actual] == []


def test_no_name_of_a_person_left_the_vault(walked):
    home, _ = walked
    names = (b"Gon\xc3\xa7alves", b"luisg@embraer.com.br")
    for path in [*(home / "landing").rglob("*.parquet"), *(home / "published").rglob("*.duckdb")]:
        content = path.read_bytes()
        assert not [name for name in names if name in content], path
