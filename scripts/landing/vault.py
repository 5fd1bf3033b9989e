"""The vault: who people are. Nothing else knows, and nothing here is kept once somebody asked to be forgotten.

SQLite in WAL mode (``land`` writes while ``deliver`` looks addresses up). For each person: a random key, from which the
pseudonym in the landing is derived, and what may be needed to reach them, both encrypted (AES-GCM) by a data key, which
is itself encrypted by the master key. Ids are found by a keyed hash; they are not stored. Erasing deletes the row and
leaves the keyed hash as a tombstone, so the same id shipped again is nobody and not somebody new.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.console import USAGE, Stop, warn
from scripts.faults import fault_point
from scripts.home import folder

ERASED = "erased"
MASTER = "NIGHTSHIFT_MASTER_KEY"
MASTER_NEW = "NIGHTSHIFT_MASTER_KEY_NEW"
SEED = "NIGHTSHIFT_PSEUDONYM_SEED"
PSEUDONYM_BYTES = 12
SCHEMA = """
create table if not exists secrets (name text primary key, wrapped blob not null) without rowid;
create table if not exists persons (
    lookup blob primary key, pseudonym text not null unique, key blob not null, contents blob, digest blob
) without rowid;
create table if not exists sources (source text primary key, as_of text not null) without rowid;
create table if not exists tombstones (lookup blob primary key, erased_on text not null) without rowid;
create table if not exists unrecorded (
    request_id text primary key, erased_on text not null, account_id text not null, vault_rows integer not null
) without rowid;
"""


class Vault:
    """An open vault. Use as a context manager."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or folder("vault")
        self.root.chmod(0o700)
        self.path = self.root / "vault.sqlite"
        self.path.touch(mode=0o600)
        self.database = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        self.lock = threading.RLock()
        self.database.executescript("pragma journal_mode = wal; pragma secure_delete = on; pragma synchronous = full;")
        self.database.executescript(SCHEMA)
        self._data = AESGCM(self._secret("data"))
        self._lookup_key = self._secret("lookup")
        self.hash_key = self._secret("hash")

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    # People

    def pseudonyms(self, ids: Sequence[str]) -> list[str]:
        """The pseudonym of each id; who is new gets a key, stored before this returns. Erased people are ``erased``."""
        lookups = [self._lookup(i) for i in ids]
        with self.lock:
            known = self._find(lookups)
            new = [(i, lookup) for i, lookup in zip(ids, lookups, strict=True) if lookup not in known]
            if new:
                self._add(new)
                known |= self._find([lookup for _, lookup in new])
        return [known[lookup] for lookup in lookups]

    def _find(self, lookups: Sequence[bytes]) -> dict[bytes, str]:
        cursor = self.database.cursor()
        cursor.execute("create temp table if not exists wanted (lookup blob primary key) without rowid")
        cursor.execute("begin")
        cursor.execute("delete from wanted")
        cursor.executemany("insert or ignore into wanted values (?)", ((lookup,) for lookup in lookups))
        found = dict(cursor.execute("select lookup, pseudonym from wanted inner join persons using (lookup)"))
        gone = cursor.execute("select lookup from wanted inner join tombstones using (lookup)")
        found |= {lookup: ERASED for (lookup,) in gone}
        cursor.execute("commit")
        return found

    def _add(self, new: Iterable[tuple[str, bytes]]) -> None:
        """Give keys to people; another process may have been faster, then its keys stand."""
        rows = []
        for identity, lookup in new:
            key = _seeded("person", identity) or os.urandom(32)
            rows.append((lookup, _derive(key, b"pseudonym").hex(), self._seal(key, lookup)))
        with closing(self.database.cursor()) as cursor:
            cursor.execute("begin immediate")
            cursor.executemany("insert or ignore into persons (lookup, pseudonym, key) values (?, ?, ?)", rows)
            fault_point("vault:before-keys")
            cursor.execute("commit")

    def keep(self, source: str, as_of: str, rows: Iterable[tuple[str, Mapping[str, object]]]) -> int:
        """Remember what a source says about people (id, values) as of a day; only what is new or changed is written.

        Older news than what is kept from that source is ignored; people who were erased are.
        """
        with self.lock:
            return self._keep(source, as_of, list(rows))

    def _keep(self, source: str, as_of: str, rows: Sequence[tuple[str, Mapping[str, object]]]) -> int:
        self.pseudonyms([identity for identity, _ in rows])
        changed = 0
        cursor = self.database.cursor()
        cursor.execute("begin immediate")
        newest = cursor.execute("select as_of from sources where source = ?", (source,)).fetchone()
        is_old = bool(newest) and newest[0] > as_of
        cursor.execute("insert or replace into sources values (?, ?)", (source, newest[0] if is_old else as_of))
        for identity, values in rows:
            lookup = self._lookup(identity)
            found = cursor.execute("select contents, digest from persons where lookup = ?", (lookup,)).fetchone()
            canonical = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
            digest = _hmac(self._lookup_key, f"{source}\0{canonical}".encode())
            if not found or digest == found[1]:
                continue
            contents = self._open_contents(found[0], lookup)
            if is_old and source in contents:
                continue
            contents[source] = {"as_of": as_of, "values": json.loads(canonical)}
            text = json.dumps(contents, sort_keys=True, ensure_ascii=False)
            cursor.execute(
                "update persons set contents = ?, digest = ? where lookup = ?",
                (self._seal(text.encode(), lookup), digest, lookup),
            )
            changed += 1
        fault_point("vault:before-contents")
        cursor.execute("commit")
        return changed

    def contents(self, pseudonyms: Sequence[str]) -> dict[str, dict[str, object]]:
        """What is known of people, by pseudonym and column (name, e-mail address, …); for ``deliver``."""
        found: dict[str, dict[str, object]] = {}
        for pseudonym in pseudonyms:
            row = self.database.execute(
                "select lookup, contents from persons where pseudonym = ?", (pseudonym,)
            ).fetchone()
            if row and row[1]:
                by_source = self._open_contents(row[1], row[0]).values()
                found[pseudonym] = {k: v for part in sorted(by_source, key=_as_of) for k, v in part["values"].items()}
        return found

    def erase(self, pseudonym: str, erased_on: date, request_id: str) -> None:
        """Forget somebody: delete the row and its key, leave a tombstone, and a note until it is on record."""
        cursor = self.database.cursor()
        cursor.execute("begin immediate")
        row = cursor.execute("select lookup from persons where pseudonym = ?", (pseudonym,)).fetchone()
        if row:
            cursor.execute("insert or ignore into tombstones values (?, ?)", (row[0], str(erased_on)))
            cursor.execute("delete from persons where lookup = ?", row)
        note = (request_id, str(erased_on), pseudonym, 1 if row else 0)
        cursor.execute("insert or ignore into unrecorded values (?, ?, ?, ?)", note)
        fault_point("vault:before-erasure")
        cursor.execute("commit")
        fault_point("vault:after-erasure")
        # What was deleted must not survive in the write-ahead log either.
        cursor.execute("pragma wal_checkpoint(truncate)")

    def unrecorded(self) -> list[dict[str, object]]:
        """Erasures carried out of which nobody has said that they are on record, as rows of that record."""
        columns = "request_id, erased_on, account_id, vault_rows"
        rows = self.database.execute(f"select {columns} from unrecorded order by request_id").fetchall()
        return [dict(zip(columns.split(", "), row, strict=True)) for row in rows]

    def recorded(self) -> None:
        """All that is carried out is on record."""
        self.database.execute("delete from unrecorded")
        self.database.execute("pragma wal_checkpoint(truncate)")

    def pseudonym_of(self, identity: str) -> str | None:
        """The pseudonym of an id that is known, ``erased``, or None; nobody is added."""
        lookup = self._lookup(identity)
        return self._find([lookup]).get(lookup)

    def counts(self) -> dict[str, int]:
        """How many people are known, how many were erased."""
        one = self.database.execute("select (select count(*) from persons), (select count(*) from tombstones)")
        return dict(zip(("persons", "erased"), one.fetchone(), strict=True))

    # Keys

    def rotate(self, new_master: bytes, data_key: bool = False) -> int:
        """Encrypt the vault's keys by another master key; with ``data_key`` all values by a new data key as well.

        The keys by which people are found and values compared stay: pseudonyms and hashes in the landing depend on
        them. Returns the rows written anew.
        """
        secrets = {name: self._secret(name) for name in ("data", "lookup", "hash")}
        rewritten = 0
        cursor = self.database.cursor()
        cursor.execute("begin immediate")
        if data_key:
            old, new = self._data, AESGCM.generate_key(256)
            secrets["data"], self._data = new, AESGCM(new)
            for lookup, key, contents in cursor.execute("select lookup, key, contents from persons").fetchall():
                resealed = [x and self._seal(_decrypt(old, x, lookup), lookup) for x in (key, contents)]
                cursor.execute("update persons set key = ?, contents = ? where lookup = ?", (*resealed, lookup))
                rewritten += 1
        for name, secret in secrets.items():
            wrapped = _encrypt(AESGCM(new_master), secret, name.encode())
            cursor.execute("update secrets set wrapped = ? where name = ?", (wrapped, name))
        fault_point("vault:before-rotation")
        cursor.execute("commit")
        cursor.execute("pragma wal_checkpoint(truncate)")
        return rewritten

    def _secret(self, name: str) -> bytes:
        """A key of the vault, made when it is asked for the first time."""
        fresh = _seeded("secret", name) if name != "data" else None
        master = master_key(self.root)
        wrapped = _encrypt(AESGCM(master), fresh or os.urandom(32), name.encode())
        self.database.execute("insert or ignore into secrets values (?, ?)", (name, wrapped))
        (stored,) = self.database.execute("select wrapped from secrets where name = ?", (name,)).fetchone()
        try:
            return _decrypt(AESGCM(master), stored, name.encode())
        except InvalidTag:
            if _finish_rotation(self.root):
                return self._secret(name)
        raise Stop(f"the master key ({MASTER} or {_key_file(self.root)}) does not open {self.path}", USAGE)

    def _lookup(self, identity: str) -> bytes:
        return _hmac(self._lookup_key, identity.encode())[:16]

    def _seal(self, value: bytes, lookup: bytes) -> bytes:
        return _encrypt(self._data, value, lookup)

    def _open_contents(self, sealed: bytes | None, lookup: bytes) -> dict[str, dict]:
        return json.loads(_decrypt(self._data, sealed, lookup)) if sealed else {}


def master_key(root: Path) -> bytes:
    """The master key from the environment; for the sample and development from a file beside the vault."""
    if text := os.environ.get(MASTER):
        return parse_key(text, MASTER)
    path = _key_file(root)
    if not path.exists():
        warn("vault", f"{MASTER} is not set; made a key for development in {path} (whoever has both reads the vault)")
        write_key(path, os.urandom(32))
    return parse_key(path.read_text(), str(path))


def parse_key(text: str, where: str) -> bytes:
    """32 bytes as base64 or hexadecimal."""
    text = text.strip()
    for decode in (bytes.fromhex, lambda t: base64.b64decode(t, validate=True)):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == 32:
            return key
    raise Stop(f"{where} must be 32 random bytes as base64 or hexadecimal, as `openssl rand -base64 32` makes", USAGE)


def write_key(path: Path, key: bytes) -> None:
    """A key file only its owner can read; an existing one is replaced in one step."""
    temporary = path.with_suffix(".writing")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(key) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fault_point("vault:before-key")
    temporary.rename(path)


def rotate_key_file(vault: Vault, data_key: bool) -> int:
    """A new key file. The new key lies beside the old one until the vault is written, so no moment loses both."""
    path, new = _key_file(vault.root), os.urandom(32)
    write_key(path.with_suffix(".new"), new)
    rewritten = vault.rotate(new, data_key)
    fault_point("vault:after-rotation")
    path.with_suffix(".new").rename(path)
    return rewritten


def _key_file(root: Path) -> Path:
    return root / "development.key"


def _finish_rotation(root: Path) -> bool:
    """A rotation was killed after the vault was written and before the key file was replaced: replace it now."""
    new = _key_file(root).with_suffix(".new")
    if MASTER in os.environ or not new.exists():
        return False
    new.rename(_key_file(root))
    return True


def _seeded(kind: str, name: str) -> bytes | None:
    """In tests: keys that are the same in every run."""
    seed = os.environ.get(SEED)
    return _hmac(seed.encode(), f"{kind}\0{name}".encode()) if seed else None


def _derive(key: bytes, purpose: bytes) -> bytes:
    return _hmac(key, purpose)[:PSEUDONYM_BYTES]


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _encrypt(cipher: AESGCM, value: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + cipher.encrypt(nonce, value, bound_to)


def _decrypt(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    return cipher.decrypt(sealed[:12], sealed[12:], bound_to)


def _as_of(part: Mapping[str, object]) -> str:
    return str(part["as_of"])
