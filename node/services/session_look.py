"""Sessions as others may see them: supervisors in numbers, the check-in desk one person.

No name of a project before the start, and never that of a member but to the desk at which
that very person stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from federation.protocol import session as words
from federation.protocol.conversation import REFUSED
from node.domain.disclosure import Item
from node.services import disclosing
from node.services import session_view as view
from node.services.house import Desk
from node.store import experts, projects, sessions
from node.store.cipher import ColumnCipher
from node.store.sessions import Member, SessionRow

_OVER = frozenset({words.FINISHED, words.HANDED_OVER, words.ARCHIVED, REFUSED})


@dataclass(frozen=True, slots=True)
class SiteCount:
    """One site in numbers. At the sub all others are counted with the host."""

    center: str
    members: int
    checked_in: int
    signed: int


@dataclass(frozen=True, slots=True)
class Overview:
    """One session in numbers and times. What the other site has not told is counted as 0.

    ``lot_code`` is None until the unified start, at both sites; ``project_name`` too, or no more
    than the kind where the agreement does not ask for 四不知.
    """

    id: bytes
    role: str
    peer: str
    phase: str
    booking: bytes
    start_ms: int
    end_ms: int
    started_at_ms: int | None
    finished_at_ms: int | None
    handover_due_ms: int | None
    lot_code: str | None
    project_name: str | None
    sites: tuple[SiteCount, ...]
    ballots: int
    chair: bytes | None
    report_digest: bytes | None


@dataclass(frozen=True, slots=True)
class Seated:
    """Who is awaited at our site: for the check of ID and face, and for the signature."""

    session: bytes
    code: bytes
    name: str = field(repr=False)
    id_number: str = field(repr=False)


def overview(desk: Desk, row: SessionRow) -> Overview:
    """One session in numbers; its project as the sub's staff may see it, also at the host.

    Supervisors look at this, and need no project's name before the start either.
    """
    # A session that was refused is no longer one of the joint ones: it shows its own.
    rows = [row] if row.phase == REFUSED else view.joint(desk, row)
    people = sessions.members(desk.ledger.connection, rows)
    centers = dict.fromkeys([desk.identity.center, *(leg.peer for leg in rows)])
    lot_code, project_name = disclosing.project_of(desk, row, Item.PROJECT_TO_SUB)
    return Overview(
        id=row.id,
        role=row.role,
        peer=row.peer,
        phase=row.phase,
        booking=row.booking,
        start_ms=row.convene.start_ms,
        end_ms=row.end_ms,
        started_at_ms=row.started_at_ms,
        finished_at_ms=row.finished_at_ms,
        handover_due_ms=row.handover_due_ms,
        lot_code=lot_code,
        project_name=project_name,
        sites=tuple(_count(center, people) for center in centers),
        ballots=sum(one.ballot is not None for one in people),
        chair=row.chair,
        report_digest=row.report_digest,
    )


def awaited(desk: Desk, found: Sequence[Member]) -> Member | None:
    """Of several evaluations the earliest that is not over."""
    waiting = []
    for member in found:
        row = view.get(desk, member.session)
        running = row.started_at_ms is not None or desk.now_ms < row.end_ms
        if row.phase not in _OVER and running and not row.superseded:
            waiting.append((row.convene.start_ms, member.code, member))
    return min(waiting, key=lambda one: one[:2])[2] if waiting else None


def seated(desk: Desk, cipher: ColumnCipher, member: Member) -> Seated | None:
    """The person behind a code of our own site; None if we do not know it."""
    connection = desk.ledger.connection
    if member.uid is not None:
        expert = experts.get(connection, cipher, member.uid)
        if expert is None:
            return None
        return Seated(member.session, member.code, expert.name, expert.id_number)
    person = projects.person(connection, cipher, member.code)
    return None if person is None else Seated(member.session, member.code, *person)


def _count(center: str, people: Sequence[Member]) -> SiteCount:
    there = [one for one in people if one.site == center]
    return SiteCount(
        center,
        len(there),
        sum(one.checked_in_at_ms is not None for one in there),
        sum(one.signature_digest is not None for one in there),
    )
