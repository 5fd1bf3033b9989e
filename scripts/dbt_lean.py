"""dbt without what nobody reads: a quarter of its time in a night goes into messages below the level of its log.

``trim`` changes three places of dbt, in this process alone: a message is put together when somebody reads it, one of
level debug is not offered to loggers that would drop it, and what tells a result's column types is made once for each
set of columns. What dbt does, prints and writes stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from dbt_common.clients import agate_helper
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager

if TYPE_CHECKING:
    from agate import TypeTester


def trim() -> None:
    """Spare dbt what nobody reads."""
    _put_messages_together_when_read()
    _drop_debug_messages_early()
    _keep_type_testers()


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
