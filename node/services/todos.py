"""What people still have to do, as they see it and tick it off.

Here: the list of a role, and marking one as done by hand. Most to-dos are done by doing
what they ask for: the service that left one closes it itself. Which to-dos there are is
those services' affair.
"""

from typing import Final

from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.store import todos
from node.store.todos import Todo

BY_SYSTEM: Final = "system"
"""Who has done a to-do that events have overtaken."""

RULE_PROJECT: Final = "rule_project"
"""Asks the host's staff to accept or reject a submitted project."""

VOTE_BOOKING: Final = "vote_booking"
"""Asks the sub's staff to answer a Hold."""

ANSWER_CHANGE: Final = "answer_change"
"""Asks the sub's staff to answer another window for a booking."""

PREPARE: Final = "prepare_booking"
"""Asks the sub's staff to prepare the seats of a confirmed booking."""

BOOKING_DISPUTE: Final = "booking_dispute"
"""Asks the staff to settle a dispute over a booking."""

CONFIRM_READINESS: Final = "confirm_readiness"
"""Asks the sub's staff whether its site is ready."""

SETTLE_USAGE: Final = ("usage_dispute", "usage_dispute_operator")
"""Ask the staff, and the operators, to settle a dispute over usage."""

LOG_FORK: Final = "log_fork"
"""Tells the operators that a partner's log has two histories; lifting what follows closes it."""

OVERSIGHT: Final = ("oversight_decide", "oversight_confirm")
"""Ask officers of a regulator to propose an answer, and to confirm it."""

BY_DOING: Final = frozenset(
    {
        LOG_FORK,
        RULE_PROJECT,
        VOTE_BOOKING,
        ANSWER_CHANGE,
        BOOKING_DISPUTE,
        CONFIRM_READINESS,
        *SETTLE_USAGE,
        *OVERSIGHT,
    }
)
"""To-dos that only the deed itself closes: ticking them off would hide a question unanswered."""


class Todos:
    """The to-do lists."""

    def open_for(self, desk: Desk, role: str) -> list[Todo]:
        """What a role has to do, what is due first first."""
        return todos.open_for(desk.ledger.connection, role)

    def tick(self, desk: Desk, todo_id: int, role: str, by: str) -> None:
        """Mark a to-do of a role as done.

        Raises:
            NotFound: The role has no such open to-do.
            Conflicting: It is closed by doing what it asks for.
        """
        found = todos.get(desk.ledger.connection, todo_id)
        if found is None or found.role != role:
            raise NotFound("没有这项待办,或已办结", "there is no such open to-do; look again")
        if found.kind in BY_DOING:
            raise Conflicting(
                "该待办须办理后自动办结,不能直接勾选",
                "this to-do closes when it is acted upon; it cannot be ticked off",
            )
        todos.done(
            desk.ledger.connection,
            kind=found.kind,
            subject=found.subject,
            by=by,
            now_ms=desk.now_ms,
        )
