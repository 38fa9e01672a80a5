"""What of names and projects is shown to people: every look here takes a ``Sight``.

The pages and routes have no other way to a name. ``node.store.experts`` and
``node.store.projects.person`` open the same columns for the node itself: to call an expert, to
compare a face, to seal a list; who may use those is a closed list that
``tests/repo/test_disclosure.py`` holds. Here nothing is opened that a sight does not let
through, so that a caller who forgets to hide something has nothing to show.
"""

import sqlite3
from dataclasses import dataclass, field
from typing import Final

from node.domain.disclosure import Sight
from node.store import experts, projects
from node.store.cipher import ColumnCipher
from node.store.sessions import Member, SessionRow

KINDS: Final = {
    "A": "工程项目(名称开始后可知) · works",
    "B": "货物项目(名称开始后可知) · goods",
    "C": "服务项目(名称开始后可知) · services",
}
"""An abbreviated project: no more than the Hold told."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """An expert by code, with what it takes to reach him."""

    entry: bytes
    name: str = field(repr=False)
    phone: str = field(repr=False)


def member_name(
    connection: sqlite3.Connection,
    cipher: ColumnCipher,
    member: Member,
    sight: Sight,
    *,
    concerned: bool,
) -> str | None:
    """A member's name as far as it may be seen, else None; also None where it is not known.

    Args:
        connection: The database.
        cipher: Opens the column.
        member: Of the committee.
        sight: Of ``Item.EXPERTS_TO_STAFF``.
        concerned: Whether the viewer is of the staff at the member's own site.
    """
    if sight is Sight.CHECKED_IN:
        if not concerned or member.checked_in_at_ms is None:
            return None
    elif sight is not Sight.FULL:
        return None
    if member.uid is not None:
        expert = experts.get(connection, cipher, member.uid)
        return None if expert is None else expert.name
    person = projects.person(connection, cipher, member.code)
    return None if person is None else person[0]


def project(row: SessionRow, kind: str, sight: Sight) -> tuple[str | None, str | None]:
    """Lot code and name of a session's project as far as they may be seen.

    Args:
        row: The session.
        kind: A, B or C, as the Hold says.
        sight: Of ``Item.PROJECT_TO_SUB`` or ``Item.PROJECT_TO_EXPERT``.
    """
    if sight is Sight.FULL:
        return row.lot_code, row.project_name
    return None, KINDS.get(kind) if sight is Sight.ABBREVIATED else None


def invited(
    connection: sqlite3.Connection,
    cipher: ColumnCipher,
    draw: bytes,
    response: str,
    sight: Sight,
) -> list[Reachable]:
    """Those of our own register whom a draw asked and who gave an answer; by code.

    Args:
        connection: The database.
        cipher: Opens the columns.
        draw: The draw, of our own pool.
        response: The answer, as the register of invitations keeps it.
        sight: ``FULL``, or nobody is shown.
    """
    if sight is not Sight.FULL:
        return []
    rows = connection.execute(
        "SELECT entry, uid FROM invitation WHERE draw = ? AND response = ? ORDER BY entry",
        (draw, response),
    ).fetchall()
    found = ((bytes(entry), experts.get(connection, cipher, uid)) for entry, uid in rows)
    return [Reachable(entry, one.name, one.phone) for entry, one in found if one is not None]
