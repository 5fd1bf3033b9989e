"""What a dump's manifest says, and when its totals say that the dump cannot be taken."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from scripts.backends import Backend
from scripts.landing.inbox import Shipment
from scripts.landing.reading import Measures
from scripts.landing.store import Dump, Placed

FORMAT = 1


def control_totals(shipment: Shipment, measures: Measures) -> dict[str, dict]:
    """Declared and counted totals. Counted is all that was shipped: what lands and what is in quarantine."""
    declared = shipment.declared
    rows = {"declared": declared.rows if declared else None, "counted": measures.shipped.total()}
    totals: dict[str, dict] = {"rows": rows}
    for column in shipment.table.control_totals:
        stated = declared.sums.get(column) if declared else None
        totals[column] = {
            "declared": None if stated is None else _text(stated),
            "counted": _text(measures.sums[column]),
        }
        if measures.refused_sums[column]:
            totals[column]["quarantined"] = _text(measures.refused_sums[column])
    return totals


def broken_promise(shipment: Shipment, measures: Measures, is_cut_off: bool, before: Dump | None) -> str | None:
    """Why a dump as a whole cannot be taken, if so."""
    totals, bad = control_totals(shipment, measures), measures.bad
    rows = totals.pop("rows")
    if not is_cut_off and rows["declared"] not in (None, rows["counted"]):
        return f"declares {rows['declared']:,} rows, has {rows['counted']:,}"
    for column, entry in totals.items():
        unknown = is_cut_off or any(b.column in (None, column) for b in bad)
        if entry["declared"] is None or unknown or Decimal(entry["declared"]) == Decimal(entry["counted"]):
            continue
        return f"declares {entry['declared']} as sum of {column}, has {entry['counted']}"
    if len(bad) > 1 and not measures.rows and len({b.column for b in bad}) == 1:
        return f"none of its {len(bad):,} rows can be taken; the first, line {bad[0].line}: {reason(bad[0])}"
    if shipment.table.kind != "snapshot" or measures.rows or rows["declared"] == 0:
        return None
    if before and before.rows and not measures.erased:
        return (
            f"empty, but the dump before it ({before.arrived_on}) has {before.rows:,} rows; "
            'if that is true, declare {"rows": 0} in _totals.json'
        )
    return None


def manifest(
    shipment: Shipment, placed: Placed, content_id: str, measures: Measures, backend: Backend | None, found: dict
) -> dict:
    """The manifest of a dump; ``found`` has its files, the hashes of what was shipped, and what was odd."""
    table = shipment.table
    is_new = placed.dump_id == content_id
    return {
        "format": FORMAT,
        "backend": table.backend,
        "table": table.name,
        "kind": table.kind,
        "dump_id": placed.dump_id,
        **({} if is_new else {"content_id": content_id}),
        "arrived_on": str(shipment.arrived_on),
        "covers_on": str(shipment.covers_on),
        "slot": placed.dump_id if table.kind == "commitment" else shipment.slot,
        "supersedes": list(placed.supersedes),
        "rows": measures.rows,
        "bytes": sum(file["bytes"] for file in found["files"]),
        "files": found["files"],
        "columns": [{"name": c.name, "type": c.landed_type} for c in table.landed],
        "event_days": [{"day": str(day), "rows": rows} for day, rows in sorted(measures.days.items())],
        "source": [
            {
                "file": file.name,
                "bytes": file.size if file.content is None else len(file.content),
                "sha256": found["hashes"][file.path],
                "rows": measures.shipped[position],
            }
            for position, file in enumerate(shipment.files)
        ],
        "quarantined": dict(sorted(Counter(reason(b) for b in measures.bad).items())),
        **({"erased": measures.erased} if measures.erased else {}),
        **({"truncated": found["truncated"]} if found["truncated"] else {}),
        **({"unknown_columns": found["extra"]} if found["extra"] else {}),
        "control_totals": control_totals(shipment, measures),
        **({"cursor": measures.cursor} if measures.cursor else {}),
        "landed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "backend_yaml_sha256": backend.sha256 if backend else "",
    }


def reason(bad: object) -> str:
    """Why a row is in quarantine, with the column if it is about one."""
    return bad.reason if bad.column is None else f"{bad.column}: {bad.reason}"


def _text(value: object) -> str:
    """A number as text, exact."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)
