"""Where commands of the books can be killed, and books that want two people: for tests of posting and closing."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.home import PROJECT

# The points of one landing, in order.
LANDING = ("staged", "typed", "after-vault", "before-manifest", "before-rename", "after-rename")


def wanting_approval(root: Path, books: str) -> Path:
    """The same project, but for these books, which want an approval."""
    (root / "seeds").mkdir(parents=True)
    (root / "backends").symlink_to(PROJECT / "backends")
    (root / "seeds/accounts.csv").symlink_to(PROJECT / "seeds/accounts.csv")
    text = (PROJECT / "seeds/books.csv").read_text().replace(f"{books},2025-01-01,false", f"{books},2025-01-01,true")
    assert "true" in text
    (root / "seeds/books.csv").write_text(text)
    return root


def named_points(*modules: str) -> set[str]:
    """The points that these modules of scripts/ name; a variable part of a name is a star."""
    found = set()
    for module in modules:
        for name in re.findall(r'fault_point\(f?"([^"]+)"\)', (PROJECT / f"scripts/{module}.py").read_text()):
            found.add(re.sub(r"\{.*?\}", "*", name))
    return found
