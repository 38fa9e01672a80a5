"""What people may see of an evaluation now: the matrix, applied to what is stored.

Here: the stage of a booking and of all that came of it, the members as they may be shown, and
the one fact that nobody tells a node by a word: that the award was determined. The matrix is
``node.domain.disclosure``; that nothing is opened beyond it, ``node.store.shown``; acts of two
persons before the stage, ``node.services.openings``.
"""

import sqlite3
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from federation.ids import AgreementId
from federation.protocol import booking, draw
from federation.protocol import session as words
from federation.protocol.draw import OWNER, Response
from node.domain import disclosure
from node.domain.disclosure import Facts, Item, Profile, Sight, Stage
from node.domain.project import SelectionMode
from node.domain.workday import shanghai_date
from node.services import session_view as view
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.services.projects import found_project
from node.store import awards, bookings, draws, sessions, shown, todos
from node.store.awards import Award
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow
from node.store.sessions import SessionRow

AWARDED: Final = "award_determined"
AWARDED_SUPERVISOR: Final = "award_determined_supervisor"
ON_THE_WAY: Final = frozenset({draw.WALKING, draw.ASKED, draw.INVITED, draw.SEALED, draw.RESCUED})
"""Phases of a draw that has called somebody and whose order is not public."""
SIGNED: Final = frozenset({words.FINISHED, words.HANDED_OVER, words.ARCHIVED})
"""Phases in which the report is signed: before that there is nothing to award by."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one evaluation has come, and what was agreed for it."""

    stage: Stage
    profile: Profile
    mode: SelectionMode

    def sight(self, item: Item) -> Sight:
        """What may be seen of an item."""
        return disclosure.may_see(item, self.stage, self.profile, self.mode)


@dataclass(frozen=True, slots=True)
class ShownMember:
    """A member as people see one; ``name`` is None as long as it is secret, or not ours."""

    code: bytes
    site: str
    capacity: str
    checked_in: bool
    signed: bool
    name: str | None = field(repr=False)


def standing(desk: Desk, booking_id: bytes) -> Standing:
    """The stage of a booking and of what came of it."""
    connection = desk.ledger.connection
    leg = bookings.get(connection, booking_id)
    held = sessions.of_booking(connection, booking_id)
    award = _awarded(connection, booking_id, None if leg is None else leg.project)
    facts = Facts(
        booking="" if leg is None else leg.phase,
        draws=tuple(row.phase for row in draws.of_booking(connection, booking_id)),
        started=any(row.started_at_ms is not None for row in held),
        awarded=award is not None,
    )
    terms = None if leg is None else desk.ledger.agreement(AgreementId(leg.agreement))
    mode = SelectionMode.CHOSEN if leg is None else SelectionMode(leg.hold.selection.name)
    # Without terms to read, the stricter profile.
    profile = disclosure.profile(sealed_disclosure=terms is None or terms.sealed_disclosure)
    return Standing(disclosure.stage(facts), profile, mode)


def project_of(desk: Desk, row: SessionRow, item: Item) -> tuple[str | None, str | None]:
    """Lot code and name of a session's project, as far as they may be seen."""
    leg = bookings.get(desk.ledger.connection, row.booking)
    kind = "" if leg is None else leg.hold.project_kind
    return shown.project(row, kind, standing(desk, row.booking).sight(item))


def check_lists_public(desk: Desk) -> None:
    """Nobody but the expert is told what is recorded of one while a list of ours is secret.

    With the receipts of the whole register the staff would know who was drawn, and whose code is
    whose. It is refused for every expert alike: a refusal for some would tell it, too.

    Raises:
        Conflicting: Experts of ours are drawn for an evaluation that has not started, or have
            not checked in to it.
    """
    for row in draws.everything(desk.ledger.connection):
        if row.role == OWNER and row.phase in ON_THE_WAY and _is_secret(desk, row):
            raise Conflicting(
                "本中心有尚未开始评标或尚未全部签到的抽取名单,此间不代任何专家出具回执;"
                "专家可凭身份证和人脸自行领取",
                "a list of ours is secret until its evaluation starts and all of it have checked "
                "in; until then nobody takes a receipt for an expert, who can take it with "
                "identity card and face",
            )


def _is_secret(desk: Desk, row: DrawRow) -> bool:
    """Whether somebody is called, or on a list, whom the staff has not seen."""
    connection = desk.ledger.connection
    leg = bookings.get(connection, row.booking)
    if leg is None or leg.phase not in booking.BOOKED:
        return False  # ended before it was held: nobody comes
    sight = standing(desk, row.booking).sight(Item.EXPERTS_TO_STAFF)
    if sight in {Sight.COUNTS, Sight.NOTHING}:
        return True
    if sight is not Sight.CHECKED_IN:
        return False
    # It has started, and whoever is called in the place of a member is not there yet.
    held = sessions.live_of_booking(connection, row.booking)
    seated = [] if held is None else sessions.members(connection, [held])
    there = {one.code for one in seated if one.checked_in_at_ms is not None}
    asked = draws.invitations(connection, row.id).values()
    return any(one.response in {None, Response.ACCEPT.name} for one in asked
               if one.entry not in there)  # fmt: skip


def award_day(desk: Desk, project_id: bytes) -> str | None:
    """When the award of a project of ours was determined, if that was recorded."""
    found = awards.get(desk.ledger.connection, project_id)
    return None if found is None else found.determined_on


class Disclosing:
    """Shows members, and keeps awards.

    Args:
        cipher: Opens the persons' columns, as far as a sight allows.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher

    def members(self, desk: Desk, session_id: bytes, *, staff: bool) -> list[ShownMember]:
        """The committee by code, each with the name that may be seen.

        After the start the staff sees who has checked in at its own site; after the award all
        that we know are seen. Of the other center's experts no name ever comes here.

        Raises:
            NotFound: There is no such session.
        """
        row = view.get(desk, session_id)
        sight = standing(desk, row.booking).sight(Item.EXPERTS_TO_STAFF)
        connection, me = desk.ledger.connection, desk.identity.center
        return [
            ShownMember(
                one.code,
                one.site,
                one.capacity.value,
                one.checked_in_at_ms is not None,
                one.signature_digest is not None,
                shown.member_name(
                    connection, self._cipher, one, sight, concerned=staff and one.site == me
                )
                if one.site == me
                else None,
            )
            for one in view.members(desk, row)
        ]

    def record_award(self, desk: Desk, project_id: bytes, determined_on: str, by: str) -> None:
        """The host's people record that the award of a project was determined, once.

        Raises:
            NotFound: There is no such project.
            Invalid: No day, one before the report was signed, or one to come.
            Conflicting: The report is not signed at all sites, or it was recorded before.
        """
        project = found_project(desk, project_id)
        held = [
            row
            for row in sessions.of_project(desk.ledger.connection, project_id)
            if not row.superseded
        ]
        _check_signed(held)
        self._record(desk, project_id, determined_on, by, held)
        text_zh = f"项目{project.project.code}的中标结果已于{determined_on}确定,成员名单可以公开"
        text_en = (
            f"the award of project {project.project.code} was determined on {determined_on}; "
            "the members may be named"
        )
        self._tell(desk, project_id, text_zh, text_en)

    def record_award_at_sub(
        self, desk: Desk, session_id: bytes, determined_on: str, by: str
    ) -> None:
        """The sub's staff record the award that its host has published, once.

        Raises:
            NotFound: There is no such session.
            NotAllowed: We are the host: it is recorded for the project there.
            Invalid: No day, one before the report was signed, or one to come.
            Conflicting: The report is not signed, or it was recorded before.
        """
        row = view.get(desk, session_id)
        view.only(row, words.SUB)
        _check_signed([row])
        self._record(desk, row.booking, determined_on, by, [row])
        self._tell(
            desk,
            row.booking,
            f"一场协助的评标的中标结果已于{determined_on}确定,成员名单可以公开",
            f"the award of an evaluation held here was determined on {determined_on}; "
            "the members may be named",
        )

    def _record(
        self, desk: Desk, subject: bytes, determined_on: str, by: str, held: list[SessionRow]
    ) -> None:
        try:
            day = date.fromisoformat(determined_on)
        except ValueError as error:
            raise Invalid(
                "中标结果确定日期应为 YYYY-MM-DD", "the day of an award is YYYY-MM-DD"
            ) from error
        signed = max(row.finished_at_ms or 0 for row in held)
        if not shanghai_date(signed) <= day <= shanghai_date(desk.now_ms):
            raise Invalid(
                f"中标结果在评标报告签署后确定,且不晚于今天:应在{shanghai_date(signed)}与"
                f"{shanghai_date(desk.now_ms)}之间",
                f"an award comes after the report, and not in the future: from "
                f"{shanghai_date(signed)} to {shanghai_date(desk.now_ms)}",
            )
        award = Award(subject, day.isoformat(), by, desk.now_ms)
        try:
            awards.add(desk.ledger.connection, award)
        except sqlite3.IntegrityError as error:
            raise Conflicting(
                "中标结果已记录,不能更改", "the award was recorded before; it is not changed"
            ) from error

    def _tell(self, desk: Desk, subject: bytes, zh: str, en: str) -> None:
        connection, now_ms = desk.ledger.connection, desk.now_ms
        todos.add(
            connection, role="staff", kind=AWARDED, subject=subject, zh=zh, en=en, now_ms=now_ms
        )
        todos.add(
            connection,
            role="supervisor",
            kind=AWARDED_SUPERVISOR,
            subject=subject,
            zh=zh,
            en=en,
            now_ms=now_ms,
        )


def _awarded(connection: sqlite3.Connection, booking: bytes, project: bytes | None) -> Award | None:
    return awards.get(connection, booking if project is None else project)


def _check_signed(held: list[SessionRow]) -> None:
    if not held or any(row.phase not in SIGNED for row in held):
        raise Conflicting(
            "评标报告尚未全部签署,不能记录中标结果",
            "the report is not signed at all sites; there is nothing to award by yet",
        )
