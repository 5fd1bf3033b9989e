"""The lineage is drawn as it is: every line goes from left to right, nothing lies on anything else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from scripts.console import Stop
from scripts.pictures import lineage

SVG = "{http://www.w3.org/2000/svg}"


def model(name, layer, *parents):
    return {"name": name, "fqn": ["nightshift", layer, name], "depends_on": {"nodes": list(parents)}}


PROJECT = {
    "sources": {f"source.n.b.{name}": {"name": name, "source_name": "b"} for name in ("plays", "rates")},
    "nodes": {
        "model.n.stg_b__plays": model("stg_b__plays", "staging", "source.n.b.plays"),
        "model.n.stg_b__rates": model("stg_b__rates", "staging", "source.n.b.rates"),
        "seed.n.thresholds": model("thresholds", "seeds"),
        "model.n.fct_plays": model("fct_plays", "marts", "model.n.stg_b__plays"),
        "model.n.int_counted": model("int_counted", "intermediate", "model.n.fct_plays", "seed.n.thresholds"),
        "model.n.revenue": model(
            "revenue", "marts", "model.n.int_counted", "model.n.stg_b__rates", "model.n.fct_plays"
        ),
        "model.n.elsewhere": model("elsewhere", "marts", "model.n.fct_plays"),
    },
}  # fmt: skip


def test_the_lineage_shows_all_that_a_mart_is_made_of_and_no_more():
    drawing = ElementTree.fromstring(lineage(PROJECT, "revenue"))
    words = [text.text for text in drawing.iter(f"{SVG}text")][1:]
    legend = {"landed", "seed", "intermediate", "mart"}
    assert set(words) - legend == {"b.plays", "b.rates", "thresholds", "fct_plays", "int_counted", "revenue"}
    boxes = [
        [float(box.get(side)) for side in ("x", "y", "width", "height")]
        for box in drawing.iter(f"{SVG}rect")
        if box.get("rx") == "4"
    ]
    assert len(boxes) == 6
    for place, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[place + 1 :]:
            apart = (
                x + width <= other_x
                or other_x + other_width <= x
                or y + height <= other_y
                or other_y + other_height <= y
            )
            assert apart
    lines = [re.findall(r"-?\d+", path.get("d")) for path in drawing.iter(f"{SVG}path")]
    assert len(lines) == 6
    assert all(int(line[0]) < int(line[-2]) for line in lines)


def test_a_mart_that_is_not_there():
    with pytest.raises(Stop, match="no model nowhere"):
        lineage(PROJECT, "nowhere")
