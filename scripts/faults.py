"""Named places where a test may kill the process, so that "killed anywhere" can be shown and not hoped.

``POINTS`` is all of them, each with what has happened by then. A test sees to it
that code and list agree, and that every module that writes names at least one.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

ASKED = "NIGHTSHIFT_FAULT"

POINTS: dict[str, str] = {
    "files:before-replace": "a JSON file lies beside its place, whole",
    "files:before-swap": "the new link lies beside the one readers follow",
    "files:inside-removal": "a folder has lost its name and still has its content",
    "land:extracted": "one table's rows are out of a database dump",
    "land:postgres-table": "one table of a live database is read",
    "land:typed": "a batch is read and typed, in memory",
    "land:after-vault": "its people have keys, its rows are nowhere",
    "land:before-manifest": "a dump's rows are written, its manifest is not",
    "land:staged": "a batch's dumps are whole, beside the landing",
    "land:before-rename": "they are on the disk and indexed, none is visible",
    "land:after-rename": "one of them is visible",
    "vault:before-keys": "new people's keys are written, not committed",
    "vault:before-contents": "names and addresses are written, not committed",
    "vault:before-erasure": "somebody's row is deleted, not committed",
    "vault:after-erasure": "somebody is forgotten, the write-ahead log not yet emptied",
    "vault:before-record": "people are forgotten, the landing does not know",
    "vault:after-record": "the landing knows, the vault still has its note of them",
    "vault:before-rotation": "the keys are encrypted anew, not committed",
    "vault:before-key": "a key file lies beside its place",
    "vault:after-rotation": "the vault opens by the new key, which lies beside the old one",
    "night:before-land": "the night has begun",
    "night:before-erase": "it has landed, and somebody is to be forgotten",
    "night:before-build": "it has landed",
    "night:before-publish": "it is built",
    "night:before-index": "it is published",
    "night:before-record": "all its steps are done",
    "night:after-commit": "the landing knows of the night, the next night does not",
    "night:after-record": "all is done and on record",
    "night:before-sizes": "all is on record but what the state takes on the disk",
    "build:before-dbt": "the warehouse knows the night's day",
    "build:seed-loaded": "a seed's rows are loaded, not recorded",
    "build:chunk-written": "a chunk's rows and its line of the ledger are written, not committed",
    "build:chunk-committed": "a chunk is committed, the next is not begun",
    "build:swap-written": "a table has taken the place of another, not committed",
    "build:swap-committed": "it has, and nothing below is built",
    "build:inside-certification": "everything is built; of one domain it is known whether its tests passed",
    "build:after-dbt": "everything is built and tested, there is no report of it",
    "build:before-settled": "it is not known yet that all of it ended well",
    "publish:after-file": "one file of a run is whole, under a hidden name",
    "publish:after-facts": "one mart's days are written as Parquet",
    "publish:before-rename": "a run is whole, under its hidden name",
    "publish:before-link": "it has its name, readers see the one before",
    "publish:before-record": "readers see it, the ledger does not know",
    "publish:after-record": "the ledger knows",
    "publish:before-remove": "a run too many is to go",
    "rollback:before-link": "what is taken back is on record, readers still see it",
    "rollback:after-link": "readers see the earlier run",
    "index:after-copy": "the last index is copied, to be changed",
    "index:inside-postings": "the postings are there, the counts are not",
    "index:after-postings": "the tables are done",
    "index:before-tantivy-commit": "Tantivy has the documents in memory",
    "index:after-tantivy": "both forms are done, unchecked",
    "index:before-rename": "a version is whole, under its hidden name",
    "index:before-link": "it has its name, readers search the one before",
    "index:before-remove": "a version too many is to go",
    "docs:before-replace": "the page lies where dbt wrote it",
    "hour:after-land": "the hour's files have landed",
    "hour:before-part": "one part of the hour's dbt project is to be linked",
    "hour:after-build": "stories are found and ranked",
    "hour:before-rename": "the edition is whole, under its hidden name",
    "hour:before-link": "it has its name, readers see the hour before",
    "hour:before-commit": "readers see it, the landing does not know",
    "hour:before-record": "the edition waits beside the hour's warehouse to be landed",
    "hour:after-commit": "the landing knows",
    "judge:before-commit": "verdicts are reached",
    "judge:after-commit": "verdicts have landed",
    "decide:before-commit": "decisions are made",
    "decide:after-commit": "decisions have landed",
    "recommend:before-commit": "tonight's lists are read",
    "recommend:after-commit": "lists have landed, the export is the last one",
    "recommend:after-lists": "the key-value file is done, the rest is not",
    "recommend:before-rename": "an export is whole, under its hidden name",
    "recommend:before-link": "it has its name, the backend finds the one before",
    "recommend:before-upsert": "the lists are in the backend's database, in a table of the transaction",
    "recommend:before-database-commit": "the backend's table is written, not committed",
    "fraud-export:before-rename": "an export is whole, under its hidden name",
    "fraud-export:before-link": "it has its name, the backend finds the one before",
    "train:before-register": "a model is trained, in memory",
    "registry:after-file": "one file of a version is written, under its hidden name",
    "registry:before-rename": "a version is whole, under its hidden name",
    "train:before-decision": "a version is registered, nobody has said whether it serves",
    "scratch:copied": "the warehouse is copied, the copy still knows the living one's paths",
    "correct:before-rename": "the right file lies in the inbox under a hidden name",
    "correct:before-land": "it has its name, and has not landed",
    "correct:before-build": "it has landed, and nothing is built of it",
    "ci:before-rename": "a commit's files are out, under a hidden name",
    "prepare:before-proposal": "what is to be approved is known, and not laid down",
    "approve:before-settle": "it is carried out, and still waits for approval",
    "post:before-commit": "a batch is cut",
    "post:after-commit": "a batch has landed, it has no files",
    "post:before-export": "a batch's files are to be written",
    "post:before-rename": "the files for one package are whole, under their hidden name",
    "post:before-index": "every batch has its files, what leads to them is old",
    "post:after-link": "one package's link leads to the newest batch",
    "close:before-commit": "all checks of a month are good",
    "close:after-commit": "the month is closed",
    "close-royalties:before-written": "statements are computed, under a hidden name",
    "close-royalties:before-statements": "they are written down, nothing has landed",
    "close-royalties:before-royalty_usage": "statements have landed",
    "close-royalties:before-royalty_suspense": "usage has landed",
    "close-royalties:before-royalty_pools": "suspense has landed",
    "close-royalties:before-closed_months": "all has landed but that the month is closed",
    "close-royalties:after-commit": "the month is closed, there are no files",
    "statements:before-export": "a month's files are to be written",
    "export:before-file": "an export is made again beside its place, one of its files is still the former one",
    "statements:before-rename": "they are whole, under their hidden name",
    "statements:before-link": "every month has its files, the link leads to the month before",
    "deliver:after-land": "the newest consents have landed",
    "deliver:before-ledger": "a mail's word is written, not committed",
    "deliver:before-intent": "a mail is with the server but for its last dot",
    "deliver:after-intent": "that it is about to be sent is on record",
    "deliver:after-data": "the server has all of it, its answer is not here",
    "deliver:before-outcome": "the server took it, our record does not say so",
    "deliver:after-outcome": "our record says so",
    "deliver:before-commit": "mails are sent, the landing does not know",
    "deliver:after-commit": "the landing knows, our record does not know that",
    "sink:inside-table": "a table's rows are in the server, not committed",
    "sink:after-table": "one table is loaded, nobody sees it",
    "sink:before-swap": "the night's views are made beside those of before",
    "sink:after-swap": "readers see the night, what is old is still there",
    "sink:before-delivery": "a backend's table has its rows, not committed",
    "sink:after-delivery": "the backend sees them",
    "backup:after-file": "one file is copied, under the backup's hidden name",
    "backup:before-rename": "a backup is whole, under its hidden name",
    "backup:before-link": "it has its name, the link leads to the one before",
    "backup:before-remove": "a backup too many is to go",
    "backup:before-forgetting": "an old backup's list no longer names its vault, which is still there",
    "restore:after-file": "one file is copied, beside the state",
    "restore:before-swap": "all of it is, and nothing of the state has changed",
    "restore:after-layer": "one folder of the state is the backup's",
    "restore:before-forgetting": "all of it is; a trace of the restoring is left",
    "deferred:before-build": "what waits is on record, the night is not built",
    "deferred:before-link": "the project is kept, what leads to it is old",
    "rebuild:copied": "the warehouse is copied, nothing says so",
    "rebuild:after-window": "some days are made under the new definitions, beside the warehouse",
    "rebuild:before-swap": "everything is made and tested, beside the warehouse",
    "rebuild:after-swap": "it has taken the warehouse's place, the report is the old one's",
    "rebuild:before-forgetting": "it holds; its workplace is left",
    "gc:before-remove": "a file that is too old is to go",
    "gc:inside-compaction": "old rows of one of the ledger's tables are deleted, not committed",
    "gc:before-copy": "the warehouse's next file is begun, under a hidden name",
    "gc:before-swap": "it is whole and compared, under its hidden name",
    "gc:after-swap": "it has taken the old one's place",
    "campaign:before-rename": "a new campaign's files lie beside their place",
    "clean:before-folder": "a folder of state is to go",
}

# Points inside dbt: a pattern of the statement they follow, and whether its transaction has been committed by then.
DBT_POINTS: dict[str, tuple[str, bool]] = {
    "build:seed-loaded": (r'COPY "warehouse"\."seeds"', False),
    "build:chunk-written": (r"insert into ops\.ledger", False),
    "build:chunk-committed": (r"insert into ops\.ledger", True),
    "build:swap-written": (r'rename to "', False),
    "build:swap-committed": (r'rename to "', True),
    "build:inside-certification": (r"insert into ops\.domain_checks", False),
}

_visits: Counter[str] = Counter()


def wanted_fault() -> str:
    """The name of the point at which this process, or one it starts, is to die; empty if at none."""
    return os.environ.get(ASKED, "").partition("#")[0]


def fault_point(name: str) -> None:
    """Die here by SIGKILL if ``NIGHTSHIFT_FAULT`` names this point (``name`` or ``name#3`` for its third visit)."""
    wanted = os.environ.get(ASKED)
    if not wanted:
        return
    point, _, visit = wanted.partition("#")
    if point not in POINTS:
        raise LookupError(f"{ASKED} names {point}, which is no fault point (scripts/faults.py lists them)")
    if point != name:
        return
    _visits[name] += 1
    if _visits[name] == int(visit or 1):
        os.kill(os.getpid(), signal.SIGKILL)
