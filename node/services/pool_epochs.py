"""The clock of our expert pool: a new epoch at its hour, daily unless configured otherwise.

One errand announces the epoch that has begun and leaves itself for the next one, so a node that
was down catches up with one epoch, not with all that it missed. What an epoch commits to is
``pool_announcements``; a center that announces by hand switches the clock off.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from node.domain.epochs import HOUR_MS, EpochRule, epoch_name
from node.services.accounts import Role
from node.services.errands import Handler, Result
from node.services.errors import UseCaseError
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import errands, experts, pools, todos

ANNOUNCE: Final = "announce_pool"
"""The errand that announces the epoch that has begun, and leaves itself for the next."""
FAILED: Final = "pool_epoch_failed"
"""The to-do by which the operator learns that an epoch could not be announced."""

Announce = Callable[[Desk, str, str, int], Mapping[str, bytes]]
"""``PoolAnnouncements.announce``."""


class PoolEpochs:
    """Announces epochs by the clock.

    Args:
        rule: When.
        announce: How.
    """

    def __init__(self, rule: EpochRule, announce: Announce) -> None:
        self._rule = rule
        self._announce = announce

    def start(self, desk: Desk) -> None:
        """At every start of the node: see that the clock runs."""
        if self._rule.every_hours:
            begun_ms = self._rule.begun_ms(desk.now_ms)
            due_ms = begun_ms if self._was_missed(desk, begun_ms) else self._next_ms(desk)
            self._leave(desk, due_ms)

    def handlers(self) -> Mapping[str, Handler]:
        """How the errand is run."""
        return {ANNOUNCE: self._tick}

    async def _tick(self, _key: str, _argument: dict[str, Any]) -> Result:
        return self.tick

    def tick(self, desk: Desk) -> None:
        """Announce the epoch that a moment is in, unless it was, and see to the next one."""
        rule = self._rule
        if not rule.every_hours:
            return  # switched off since the errand was left
        self._leave(desk, self._next_ms(desk))
        connection = desk.ledger.connection
        name = epoch_name(rule.begun_ms(desk.now_ms))
        if pools.has_epoch(connection, rule.pool, name) or not experts.count(connection):
            return  # told already; or a node without experts, which has no pool to tell of
        # All of it or nothing, although the clock goes on whatever comes of it.
        error = desk.ledger.attempt(lambda: self._announce(desk, rule.pool, name, rule.valid_hours))
        if error is None:
            todos.done(
                connection,
                kind=FAILED,
                subject=rule.pool.encode(),
                by=BY_SYSTEM,
                now_ms=desk.now_ms,
            )
            return
        if not isinstance(error, UseCaseError):
            raise error
        todos.add(
            connection,
            role=Role.OPERATOR.value,
            kind=FAILED,
            subject=rule.pool.encode(),
            zh=f"专家库{rule.pool}的{name}期未能自动公布:{error.zh}",
            en=f"epoch {name} of pool {rule.pool} could not be announced: {error.en}",
            now_ms=desk.now_ms,
        )

    def _was_missed(self, desk: Desk, begun_ms: int) -> bool:
        """Whether the clock ran before and the node was down when the present epoch began."""
        last_ms = pools.last_made_ms(desk.ledger.connection, self._rule.pool)
        return last_ms is not None and last_ms < begun_ms

    def _next_ms(self, desk: Desk) -> int:
        return self._rule.begun_ms(desk.now_ms) + self._rule.every_hours * HOUR_MS

    def _leave(self, desk: Desk, at_ms: int) -> None:
        errands.add(
            desk.ledger.connection,
            kind=ANNOUNCE,
            key=f"{ANNOUNCE}:{self._rule.pool}:{at_ms}",
            argument={},
            not_before_ms=at_ms,
        )
