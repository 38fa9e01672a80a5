"""Runs errands: what a transaction left to be done outside.

An errand is done at least once, under a key that the outside system uses to do it only
once. Its result is a function on the desk, applied in the same transaction that marks the
errand as done; so a killed process repeats the outside call and loses nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from adapters.errors import OutsideError
from federation.engine.negotiator import Negotiator
from federation.errors import Recovering
from federation.ports import Unreachable
from node.services.house import Desk
from node.store import errands
from node.store.errands import Errand
from node.store.ledger import SqlLedger

MAX_AT_ONCE: Final = 32
FIRST_PAUSE_MS: Final = 1_000
MAX_PAUSE_MS: Final = 300_000  # an outside system that is back is noticed within five minutes

Result = Callable[[Desk], None]
Handler = Callable[[str, dict[str, Any]], Awaitable[Result]]
"""Given the errand's key and argument, does the thing and answers what it means."""


async def _unknown(key: str, argument: dict[str, Any]) -> Result:
    """An errand that an older or newer version left: it waits, visibly, for that version."""
    raise Unreachable(f"this version does not know errand {key}: {sorted(argument)}")


class Errands:
    """Carries errands out, by kind."""

    def __init__(
        self,
        *,
        negotiator: Negotiator[SqlLedger],
        handlers: Mapping[str, Handler],
        observe: Callable[[str, str], None] = lambda _kind, _outcome: None,
    ) -> None:
        self._negotiator = negotiator
        self._handlers = handlers
        self._observe = observe

    async def run_due(self) -> int:
        """Run what is due; answers how many were tried.

        An errand with a fault of ours waits like one whose outside system is down, so that it
        is not in the way of the others; the first fault is raised once all were tried.
        """
        due = await self._negotiator.transact(_due)
        faults = [fault for errand in due if (fault := await self._run(errand)) is not None]
        if faults:
            raise faults[0]
        return len(due)

    async def next_ms(self) -> int | None:
        """When the next errand may be run."""
        return await self._negotiator.transact(lambda desk: errands.next_ms(desk.ledger.connection))

    async def _run(self, errand: Errand) -> Exception | None:
        """Try one; answers what is wrong with it, if that is nobody else's fault."""
        handler = self._handlers.get(errand.kind, _unknown)
        try:
            result = await handler(errand.key, errand.argument)
            await self._negotiator.transact(lambda desk: _finish(desk, errand, result))
        except Exception as error:  # noqa: BLE001 (raised again by run_due)
            pause_ms = min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** min(errand.tries, 16))
            expected = isinstance(error, OutsideError | Unreachable | Recovering)
            why = str(error) if expected else "a fault of this program, see its log"
            reason = f"{type(error).__name__}: {why}"
            await self._negotiator.transact(
                lambda desk: errands.failed(
                    desk.ledger.connection, errand.id, reason, desk.now_ms + pause_ms
                )
            )
            self._observe(errand.kind, "failed")
            return None if expected else error

        self._observe(errand.kind, "done")
        return None


def _due(desk: Desk) -> list[Errand]:
    if desk.ledger.recovering():
        return []  # what an errand would say or do may have been said and done
    return errands.due(desk.ledger.connection, desk.now_ms, MAX_AT_ONCE)


def _finish(desk: Desk, errand: Errand, result: Result) -> None:
    """Mark an errand as done, with what it means."""
    if errands.done(desk.ledger.connection, errand.id, desk.now_ms):
        result(desk)
