"""How long each layer is kept, as ``retention.yml`` says."""

from __future__ import annotations

from typing import Any

import yaml

from scripts.console import USAGE, Stop
from scripts.home import PROJECT

RETENTION = "retention.yml"
FOREVER = "forever"
REQUIRED = {
    "inbox": "days",
    "landing": "superseded_days",
    "quarantine": "days",
    "published": "runs",
    "logs": "days",
    "target": "days",
    "spill": "days",
    "ops": "nights",
    "warehouse": "free_share",
}
# Where a project has no such file.
KEEP_RUNS = 14


def retention() -> dict[str, dict[str, Any]]:
    """The YAML, checked: every layer with its one setting, a number or ``forever``."""
    path = PROJECT / RETENTION
    found = yaml.safe_load(path.read_text()) if path.exists() else None
    if not isinstance(found, dict) or set(found) != set(REQUIRED):
        wrong = sorted(set(found or {}) ^ set(REQUIRED))
        raise Stop(f"{RETENTION} must say what is kept of {', '.join(REQUIRED)}; look at {', '.join(wrong)}", USAGE)
    for layer, name in REQUIRED.items():
        value = found[layer].get(name) if isinstance(found[layer], dict) else None
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if set(found[layer] or {}) != {name} or not (is_number or value == FOREVER):
            raise Stop(f"{RETENTION}: {layer} must have `{name}`, a number or {FOREVER}, and nothing else", USAGE)
    return found


def runs_to_keep() -> int:
    """How many published runs a publication leaves."""
    if not (PROJECT / RETENTION).exists():
        return KEEP_RUNS
    runs = retention()["published"]["runs"]
    return 1_000_000 if runs == FOREVER else max(int(runs), 1)
