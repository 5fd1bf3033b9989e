"""The texts of everything that can be found, as words; a text is looked at once and known from then on."""

import sys
from pathlib import Path


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt gives both, and takes what comes)
    """The dbt model: which texts are new, handed over to scripts/retrieval/analysis.py."""
    dbt.config(materialized="table")
    sys.path.insert(0, str(Path.cwd()))
    from scripts.retrieval.analysis import known_texts, normalised

    items = dbt.ref("int_discovery__search_items")
    texts = (
        items.project("title as raw_text")
        .union(items.project("names as raw_text"))
        .union(items.project("text as raw_text"))
        .distinct()
        .set_alias("texts")
    )
    before = known_texts(session, dbt.this)
    known = before.set_alias("known").join(texts, "known.raw_text = texts.raw_text", how="semi").to_arrow_table()
    new = texts.join(before.set_alias("known"), "texts.raw_text = known.raw_text", how="anti").order("raw_text")
    return normalised(new.to_arrow_table(), known)
