"""Starting the draws of a project: verified by the staff, then begun by the agency.

The tenderee or its agency starts a draw; the center's staff verify before what is to be drawn
(``domain.md`` §1.2, S1 §3(1)(2), S11). A sub's staff have done so with their yes to the booking,
which names the experts. What was verified is kept, and a draw of anything else is not started.
Nobody names an expert: specialties and numbers is all that anybody says.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.ids import AgreementId, CenterId
from federation.lottery import audit
from federation.lottery.recusal import Codes
from federation.protocol import draw as words
from federation.protocol.conversation import REFUSED
from federation.protocol.draw import RequestDraw, Slot, sealer_for_host
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import suite
from node.services import outside_rules
from node.services.bundling import VERIFY_DRAW
from node.services.draw_exclusions import excluded_employers, sealed_to
from node.services.draw_files import DrawFiles
from node.services.draw_moves import FIRST, Again, DrawMoves
from node.services.draw_rules import DrawRules
from node.services.errors import Conflicting, NotFound
from node.services.evaluated import evaluated_legs
from node.services.house import Desk
from node.services.inviting import Inviting
from node.store import draw_checks, draws, oversight, pools, projects, todos
from node.store.bookings import BookingRow
from node.store.draw_checks import DrawCheck
from node.store.pools import Between
from node.store.projects import ProjectRow

_CAME_TO_NOTHING: Final = frozenset({REFUSED, words.VOID})


@dataclass(frozen=True, slots=True)
class Lot:
    """What is drawn: so many of which specialties, from which committed pool, instead of what."""

    slots: tuple[Slot, ...]
    announced: AnnouncePool
    again: Again


class DrawStart:
    """Verifies and starts draws."""

    def __init__(
        self, files: DrawFiles, rules: DrawRules, moves: DrawMoves, inviting: Inviting
    ) -> None:
        self._files = files
        self._rules = rules
        self._moves = moves
        self._inviting = inviting

    def asked(self, desk: Desk, project: bytes) -> dict[str, Any]:
        """What is to be drawn, for those who verify it: sites, times, specialties and numbers.

        And whose people are left out: tenderee, agency and competent units.

        Raises:
            NotFound: No such project.
            Conflicting: Not all sub-venues are confirmed, or there are none.
        """
        row, legs = self._project(desk, project)
        return {
            "project": row.project.code,
            "bid_deadline_ms": row.project.bid_deadline_ms,
            "sites": [
                {
                    "center": leg.peer,
                    "start_ms": leg.start_ms,
                    "experts": [[need.specialty, need.count] for need in leg.hold.experts],
                }
                for leg in legs
            ],
            "own_experts": [[slot.specialty, slot.count] for slot in _own(row)],
            "excluded_employers": [
                {"part": unit.part.value, "name": unit.party.name, "uscc": unit.party.uscc}
                for unit in row.project.avoided
            ],
        }

    def verify(self, desk: Desk, project: bytes, by: str) -> None:
        """The staff has verified what is to be drawn. Raises as ``asked``."""
        connection = desk.ledger.connection
        draw_checks.put(connection, DrawCheck(project, self._text(desk, project), by, desk.now_ms))
        todos.done(connection, kind=VERIFY_DRAW, subject=project, by=by, now_ms=desk.now_ms)

    def start(self, desk: Desk, project: bytes) -> list[bytes]:
        """Start all draws of a project: one from each sub's pool, one from ours.

        Our own pool is drawn from once, however many subs there are; see ``sealer_for_host``.
        Those that came to nothing are started anew, with the regulator's leave where the
        agreement names one.

        Raises:
            NotFound: No such project.
            Conflicting: Not all sub-venues are confirmed, or there are none; the staff has not
                verified what is to be drawn; a pool is not announced, the draw window is not
                open, or the draws were started before.
        """
        found, legs = self._project(desk, project)
        begun = {
            (row.booking, self._files.owner(desk, row))
            for row in draws.of_project(desk.ledger.connection, project)
            if row.phase not in _CAME_TO_NOTHING
            and any(row.booking == leg.conversation for leg in legs)
        }
        self._check_verified(desk, project)
        ids = []
        for leg in legs:
            terms = self._files.terms(desk, leg.agreement)
            self._rules.check_window(desk, terms, found.project.bid_deadline_ms, leg.start_ms)
            if leg.hold.experts and (leg.conversation, leg.peer) not in begun:
                ids.append(self._open(desk, leg, found))
        own = _own(found)
        if own and not any(owner == desk.identity.center for _, owner in begun):
            ids.append(self._request(desk, _sealing(legs), found, own))
        if not ids:
            raise Conflicting("抽取已经开始", "the draws were started before")
        return ids

    def _project(self, desk: Desk, project: bytes) -> tuple[ProjectRow, list[BookingRow]]:
        found = projects.get(desk.ledger.connection, project)
        if found is None:
            raise NotFound("没有这个项目", "there is no such project")
        return found, list(evaluated_legs(desk, found))

    def _text(self, desk: Desk, project: bytes) -> str:
        return json.dumps(self.asked(desk, project), ensure_ascii=False, sort_keys=True)

    def _check_verified(self, desk: Desk, project: bytes) -> None:
        verified = draw_checks.get(desk.ledger.connection, project)
        if verified is None:
            raise Conflicting(
                "抽取信息尚未核验: 请本中心工作人员先核验",
                "the staff has not verified what is to be drawn; ask them to",
            )
        if verified.verified != self._text(desk, project):
            raise Conflicting(
                "抽取信息在核验后有变化: 请本中心工作人员重新核验",
                "what is to be drawn has changed since the staff verified it; ask them anew",
            )

    def _again(self, desk: Desk, leg: BookingRow, owner: str) -> Again:
        """What a draw from that pool supersedes: one that came to nothing, with leave for it.

        Raises:
            Conflicting: The regulator that the agreement names has not permitted it.
        """
        connection = desk.ledger.connection
        void = [
            row
            for row in draws.of_booking(connection, leg.conversation)
            if row.phase in _CAME_TO_NOTHING
            and self._files.owner(desk, row) == owner
            and self._files.was_opened(desk, row)
        ]
        if not void:
            return FIRST
        return self.permitted(desk, leg, void[-1].id)

    def permitted(self, desk: Desk, leg: BookingRow, last: bytes) -> Again:
        """In place of a draw that came to nothing. Raises Conflicting: nobody permits it."""
        permit = oversight.permit_for(desk.ledger.connection, last)
        regulator = self._files.terms(desk, leg.agreement).regulator
        if regulator and permit is None:
            raise Conflicting(
                f"上次抽取已作废, 重新抽取须先经监管节点{regulator}准许"
                f"(抽取{last.hex()}), 请先申请",
                f"the last draw came to nothing; {regulator} has to permit another one in place "
                f"of {last.hex()}: ask for it first",
            )
        return Again(last, permit or b"")

    def _open(self, desk: Desk, leg: BookingRow, project: ProjectRow) -> bytes:
        again = self._again(desk, leg, leg.peer)
        terms = self._files.terms(desk, leg.agreement)
        between = Between(leg.peer, desk.identity.center, terms.suite)
        announced = pools.newest_bound(
            desk.ledger.connection, between, leg.peer, desk.now_ms, terms.pool_min_age_ms
        )
        if announced is None:
            raise Conflicting("副场尚未公布专家库承诺", "the sub has not announced its pool yet")
        slots = tuple(Slot(need.specialty, need.count) for need in leg.hold.experts)
        return self.open(desk, leg, project, Lot(slots, announced, again))

    def open(self, desk: Desk, leg: BookingRow, project: ProjectRow, lot: Lot) -> bytes:
        """Open a draw from a sub's pool.

        Raises:
            Conflicting: Somebody named is not joined; or the sub has still to open one from our
                own pool: whoever opens counts on, and both would have one number.
        """
        begun = draws.of_booking(desk.ledger.connection, leg.conversation)
        if any(row.phase == words.REQUESTED for row in begun):
            raise Conflicting(
                "本中心专家库的抽取尚待副场开启,请稍后再试",
                "the draw that was requested from our own pool is not opened yet; try again soon",
            )
        terms = self._files.terms(desk, leg.agreement)
        outside_rules.check_ours(desk, terms)
        avoided = Codes(excluded_employers(project), desk.new_secret())
        spoken = desk.open(
            CenterId(leg.peer),
            AgreementId(leg.agreement),
            self._moves.opening(
                desk,
                booking=leg.conversation,
                announced=lot.announced,
                slots=lot.slots,
                owner=leg.peer,
                times=(project.project.bid_deadline_ms, leg.start_ms),
                exclusion=sealed_to(
                    desk, suite(terms.suite), leg.peer, leg.conversation, lot.announced, avoided
                ),
                again=lot.again,
            ),
        )
        draws.set_exclusion_salt(desk.ledger.connection, spoken.conversation.id, avoided.salt)
        return spoken.conversation.id

    def _request(
        self, desk: Desk, leg: BookingRow, project: ProjectRow, slots: tuple[Slot, ...]
    ) -> bytes:
        again = self._again(desk, leg, desk.identity.center)
        terms = self._files.terms(desk, leg.agreement)
        between = Between(desk.identity.center, leg.peer, terms.suite)
        announced = pools.newest_bound(
            desk.ledger.connection, between, leg.peer, desk.now_ms, terms.pool_min_age_ms
        )
        if announced is None:
            raise Conflicting(
                "本中心尚未公布专家库承诺", "this center has not announced its pool yet"
            )
        return self.request(desk, leg, project, Lot(slots, announced, again))

    def request(self, desk: Desk, leg: BookingRow, project: ProjectRow, lot: Lot) -> bytes:
        """Request a draw from our own pool. Raises Conflicting: not now, or not with these."""
        self._inviting.check_hours(desk)
        terms = self._files.terms(desk, leg.agreement)
        outside_rules.check_ours(desk, terms)
        salt = desk.new_secret()
        excluded = excluded_employers(project)
        spoken = desk.open(
            CenterId(leg.peer),
            AgreementId(leg.agreement),
            RequestDraw(
                booking_id=leg.conversation,
                pool=lot.announced.pool,
                epoch=lot.announced.epoch,
                slots=lot.slots,
                bid_deadline_ms=project.project.bid_deadline_ms,
                evaluation_start_ms=leg.start_ms,
                exclusion_commitment=audit.exclusion_commitment(suite(terms.suite), salt, excluded),
                supersedes=lot.again.supersedes,
                permit=lot.again.permit,
            ),
        )
        draws.set_exclusion_salt(desk.ledger.connection, spoken.conversation.id, salt)
        return spoken.conversation.id


def _own(row: ProjectRow) -> tuple[Slot, ...]:
    asked = row.plan.host_slots if row.plan else ()
    return tuple(Slot(slot.specialty, slot.count) for slot in asked)


def _sealing(legs: Sequence[BookingRow]) -> BookingRow:
    """The leg under which our own pool is drawn from: that of the sub whose turn it is."""
    due = {leg.peer: leg for leg in legs if leg.peer == sealer_for_host(leg.hold.participants)}
    if not due:
        named = sealer_for_host(legs[0].hold.participants)
        raise Conflicting(
            f"本中心专家库的抽取应由副场{named}封定,而其预约已不在,请重新预约",
            f"the draw from our own pool is for {named} to seal, which is no longer booked; "
            "book anew",
        )
    return due[min(due)]
