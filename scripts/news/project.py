"""The part of the project that an hour needs, as a dbt project of its own.

dbt reads, lists and writes down whatever a project has: of all of ours that takes longer than an hour's models. The
part is links into the project, so there is one text of each model, and what is changed there is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.faults import fault_point
from scripts.files import point_link
from scripts.home import PROJECT, at_home, folder, home

# The backends whose files an hour lands; their staging models, and all that is made of them for the headlines.
BACKENDS = ("newsroom", "editorial")
PARTS = (
    "dbt_project.yml",
    "profiles.yml",
    "macros",
    "tests/generic",
    "tests/sql/news",
    "models/columns.md",
    "models/groups.yml",
    *(f"models/staging/{name}" for name in BACKENDS),
    "models/intermediate/news",
    "models/marts/news/hourly",
    "seeds/_news__seeds.yml",
    "seeds/headline_ranking.csv",
    "seeds/news_stop_words.csv",
)


@contextmanager
def own_home() -> Iterator[Path]:
    """The hour's own home: a warehouse that sees the newsroom's part of the landing and nothing else."""
    outer = home()
    inner = outer / "hourly"
    (inner / "landing").mkdir(parents=True, exist_ok=True)
    for backend in BACKENDS:
        link = inner / "landing" / backend
        if not link.is_symlink():
            (outer / "landing" / backend).mkdir(parents=True, exist_ok=True)
            point_link(link, f"../../landing/{backend}")
    with at_home(inner):
        yield inner


def own_project() -> Path:
    """The folder of that project, made or brought up to date under the current home."""
    root = folder("project")
    wanted = {root / source.relative_to(PROJECT): source for part in PARTS for source in _files(PROJECT / part)}
    for link in [path for path in root.rglob("*") if path.is_symlink() and path not in wanted]:
        link.unlink()
    for link, source in wanted.items():
        if not link.is_symlink() or link.readlink() != source:
            link.parent.mkdir(parents=True, exist_ok=True)
            fault_point("hour:before-part")
            point_link(link, str(source))
    return root


def _files(part: Path) -> list[Path]:
    """A part's files: dbt looks into folders, not into links to them."""
    return sorted(path for path in part.rglob("*") if path.is_file()) if part.is_dir() else [part]
