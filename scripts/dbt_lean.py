"""dbt without what nobody reads, and without making the same thing again for each of hundreds of nodes.

``trim`` changes five places of dbt, in this process alone: a message is put together when somebody reads it, one of
level debug is not offered to loggers that would drop it, what tells a result's column types is made once for each set
of columns, the answer of a statement without rows once, and a node is handed all macros at once instead of one by one.
``kept_templates`` keeps what Jinja makes of models and macros from one run to the next. What dbt does, prints and
writes stays the same.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

import jinja2
from dbt.clients.jinja import MacroGenerator
from dbt.context.macros import FlatNamespace, MacroNamespace, MacroNamespaceBuilder, NamespaceMember
from dbt_common.clients import agate_helper
from dbt_common.clients.jinja import MacroFuzzEnvironment
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager

if TYPE_CHECKING:
    from agate import TypeTester
    from dbt.contracts.graph.nodes import Macro

TEMPLATES = "templates.marshal"
# More than these are a sign of templates long gone: only those of the run at hand are kept then.
MOST_TEMPLATES = 5_000


def trim() -> None:
    """Spare dbt what nobody reads and what it has made before."""
    _put_messages_together_when_read()
    _drop_debug_messages_early()
    _keep_type_testers()
    agate_helper.empty_table = cache(agate_helper.empty_table)
    MacroNamespaceBuilder.build_namespace = _bind_all_macros


def _put_messages_together_when_read() -> None:
    put_together, attribute, change = BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__

    def complete(event: BaseEvent) -> bool:
        told = event.__dict__.pop("told", None)
        if told:
            put_together(event, *told[0], **told[1])
        return bool(told)

    def keep(event: BaseEvent, *arguments: object, **fields: object) -> None:
        event.__dict__["told"] = (arguments, fields)

    def read(event: BaseEvent, name: str) -> object:
        return getattr(event, name) if complete(event) else attribute(event, name)

    def write(event: BaseEvent, name: str, value: object) -> None:
        complete(event)
        change(event, name, value)

    BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__ = keep, read, write


def _drop_debug_messages_early() -> None:
    offer = EventManager.fire_event

    def offer_if_read(
        manager: EventManager,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: object = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        is_read = any(logger.level == EventLevel.DEBUG for logger in manager.loggers)
        if is_read or force_warn_or_error_handling or (level or e.level_tag()) != EventLevel.DEBUG:
            offer(manager, e, level, node, force_warn_or_error_handling)

    EventManager.fire_event = offer_if_read


def _keep_type_testers() -> None:
    make = cache(agate_helper.build_type_tester)

    def kept(text_columns: Iterable[str], string_null_values: Iterable[str] | None = ("null", "")) -> TypeTester:
        return make(tuple(text_columns), string_null_values)

    agate_helper.build_type_tester = kept


class _Macros(MacroNamespace):
    """All macros that a node may call, by the name under which it finds them; looked up once and not per search."""

    def __init__(self, *namespaces: FlatNamespace | dict[str, FlatNamespace]) -> None:
        super().__init__(*namespaces)
        self.found: dict[str, NamespaceMember] = {}
        for names in reversed(list(self._search_order())):
            self.found |= names

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, key: str) -> NamespaceMember:
        return self.found[key]


def _bind_all_macros(
    builder: MacroNamespaceBuilder, macros_by_package: Mapping[str, Mapping[str, Macro]], ctx: dict[str, Any]
) -> MacroNamespace:
    """``MacroNamespaceBuilder.build_namespace`` without three constructors and a search of each macro for each node."""
    node, stack, new = builder.node, builder.thread_ctx, MacroGenerator.__new__

    def bind(macro: Macro) -> MacroGenerator:
        bound = new(MacroGenerator)
        bound.context, bound.macro, bound.node, bound.stack = ctx, macro, node, stack
        return bound

    bound = {
        package: {name: bind(macro) for name, macro in macros.items()} for package, macros in macros_by_package.items()
    }
    shipped: FlatNamespace = {}
    for package in reversed(builder.internal_package_names_order):
        shipped |= bound.get(package, {})
    packages = {name: macros for name, macros in bound.items() if name not in builder.internal_package_names}
    own = packages.get(builder.search_package, {})
    root = packages.get(builder.root_package, {}) if builder.root_package != builder.search_package else {}
    return _Macros(root, own, shipped, packages)


@contextmanager
def kept_templates(target: Path) -> Iterator[None]:
    """What Jinja makes of templates, from the run before where template and versions are the same, or for the next.

    ``target`` is dbt's folder; the file in it may be deleted at any time.
    """
    make, file = MacroFuzzEnvironment.compile, target / TEMPLATES
    new = file.with_name(f".{file.name}.new")
    versions = " ".join([sys.version, *map(version, ("jinja2", "dbt-common"))])
    known: dict[str, CodeType] = {}
    with suppress(OSError, ValueError, EOFError, TypeError):  # there is none, or a full disk cut it off
        new.unlink(missing_ok=True)
        known = marshal.loads(file.read_bytes())
    used: dict[str, CodeType] = {}

    def compiled(environment: MacroFuzzEnvironment, source: str) -> CodeType:
        if environment.undefined is not jinja2.Undefined:  # while parsing, where each node has one of its own
            return make(environment, source)
        key = sha256(f"{versions} {type(environment).__name__} {source}".encode()).hexdigest()
        used[key] = used.get(key) or known.get(key) or make(environment, source)
        return used[key]

    MacroFuzzEnvironment.compile = compiled
    try:
        yield
    finally:
        MacroFuzzEnvironment.compile = make
        if not used.keys() <= known.keys():
            kept = known | used if len(known | used) <= MOST_TEMPLATES else used
            with suppress(OSError):
                new.write_bytes(marshal.dumps(kept))
                new.replace(file)
