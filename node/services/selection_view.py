"""What the host's people see of a lottery of sub-venues: numbers; the order, if it is no secret."""

from collections.abc import Sequence
from dataclasses import dataclass

from federation.protocol.booking import SelectionMode
from node.services.house import Desk
from node.store import selections
from node.store.selections import Candidacy, SelectionRow


@dataclass(frozen=True, slots=True)
class SelectionStatus:
    """What the host's people may know of a lottery.

    Args:
        id: The lottery.
        mode: RANDOM or BLIND.
        attempt: The present one.
        progress: How far it has come.
        candidates: How many were invited.
        entrants: How many have entered.
        ranked: By rank, under the names that the host's people may know.
        declined: How many of those drawn were passed over.
        note: Why it ended without a booking, or "".
    """

    id: bytes
    mode: str
    attempt: int
    progress: str
    candidates: int
    entrants: int
    ranked: tuple[str, ...]
    declined: int
    note: str


def of_project(desk: Desk, project_id: bytes) -> list[SelectionStatus]:
    """The lotteries of a project, oldest first."""
    connection = desk.ledger.connection
    return [
        _status(row, selections.of_attempt(connection, row.id, row.attempt))
        for row in selections.of_project(connection, project_id)
    ]


def _status(row: SelectionRow, rows: Sequence[Candidacy]) -> SelectionStatus:
    return SelectionStatus(
        id=row.id,
        mode=row.mode,
        attempt=row.attempt,
        progress=row.progress.value,
        candidates=len(rows),
        entrants=sum(each.commitment is not None for each in rows),
        ranked=() if row.mode == SelectionMode.BLIND.name else row.ranked,
        declined=len(row.declined),
        note=row.note,
    )
