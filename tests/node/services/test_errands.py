"""Errands: one with a fault of ours is not in the way of the others."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from adapters.errors import Unreachable
from node.services.errands import FIRST_PAUSE_MS, Handler, Result
from node.services.house import Desk
from node.store import errands
from tests.support.pair import NOON, Center, Furniture, two_centers

FAULTY: Final = "faulty"
OUTSIDE: Final = "outside"
GOOD: Final = "good"


class Errand:
    """Handlers that do as they are called."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, _center: Center) -> Furniture:
        return Furniture(reactions={}, handlers=self._handlers())

    def _handlers(self) -> Mapping[str, Handler]:
        return {FAULTY: self._faulty, OUTSIDE: self._outside, GOOD: self._good}

    async def _faulty(self, _key: str, _argument: dict[str, Any]) -> Result:
        def fault(_desk: Desk) -> None:
            raise KeyError("13800000000")

        return fault

    async def _outside(self, _key: str, _argument: dict[str, Any]) -> Result:
        raise Unreachable("sms", "the gateway is down")

    async def _good(self, key: str, _argument: dict[str, Any]) -> Result:
        return lambda _desk: self.done.append(key)


async def test_a_fault_of_ours_waits_and_the_others_are_done() -> None:
    work = Errand()
    async with two_centers(work) as pair:

        def leave(desk: Desk) -> None:
            for kind in (FAULTY, OUTSIDE, GOOD):
                errands.add(
                    desk.ledger.connection, kind=kind, key=kind, argument={}, not_before_ms=NOON
                )

        await pair.host.do(leave)
        with pytest.raises(KeyError):
            await pair.host.errands.run_due()
        assert work.done == [GOOD]
        assert await pair.host.sql(
            "SELECT kind, not_before_ms, last_error FROM errand WHERE done_at_ms IS NULL"
            " ORDER BY id"
        ) == [
            (
                FAULTY,
                NOON + FIRST_PAUSE_MS,
                "KeyError: a fault of this program, see its log",  # and nothing of what it held
            ),
            (OUTSIDE, NOON + FIRST_PAUSE_MS, "Unreachable: sms: the gateway is down"),
        ]
        assert await pair.host.errands.run_due() == 0
