"""Who stands at the check-in desk: from an identity card to a seat on a committee.

Here: finding whose card it is and where that person is awaited, so that the caller can have
the face checked against the register's name. Not here: the check itself (an adapter) and
what checking in means (``node.services.sessions``).
"""

from dataclasses import dataclass, field
from typing import Final

from node.domain.codes import resident_id
from node.domain.refusal import Inadmissible
from node.services.errors import NotFound
from node.services.house import Desk
from node.services.sessions import Sessions
from node.store import experts, projects
from node.store.cipher import ColumnCipher
from node.store.sessions import Member

_REPRESENTATIVE: Final = "representative.id_number"  # the column as node.store.projects seals it


@dataclass(frozen=True, slots=True)
class Awaited:
    """Somebody who is awaited at this site. ``repr`` shows codes only."""

    session: bytes
    code: bytes
    name: str = field(repr=False)
    id_number: str = field(repr=False)


class CheckIn:
    """Finds people by their card.

    Args:
        sessions: Where they are awaited.
        cipher: Opens the persons' columns.
    """

    def __init__(self, *, sessions: Sessions, cipher: ColumnCipher) -> None:
        self._sessions = sessions
        self._cipher = cipher

    def awaited(self, desk: Desk, number: str) -> Awaited | None:
        """Whose card this is, if that person is awaited here now; else None.

        Args:
            desk: The floor.
            number: As the card reader gave it.
        """
        connection = desk.ledger.connection
        try:
            card = resident_id(number)
        except Inadmissible:
            return None
        expert = experts.by_id_number(connection, self._cipher, card)
        member: Member | None = None
        if expert is not None:
            member = self._sessions.member_by_uid(desk, expert.uid)
        if member is None:
            blind = self._cipher.blind(_REPRESENTATIVE, card)
            member = self._sessions.member_by_representative(desk, blind)
        if member is None:
            return None
        return self.person(desk, member.session, member.code)

    def person(self, desk: Desk, session: bytes, code: bytes) -> Awaited:
        """The person behind a member's code at our own site. Raises NotFound."""
        connection = desk.ledger.connection
        for member in self._sessions.members(desk, session):
            if member.code != code or member.site != desk.identity.center:
                continue
            if member.uid is not None:
                expert = experts.get(connection, self._cipher, member.uid)
                if expert is not None:
                    return Awaited(session, code, expert.name, expert.id_number)
            found = projects.person(connection, self._cipher, code)
            if found is not None:
                return Awaited(session, code, *found)
        raise NotFound("没有这位成员", "there is no such member at this site")
