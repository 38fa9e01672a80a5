"""The draw of experts: what the words of ``protocol.draw`` mean for this center.

As the **owner** the center calls its own experts and seals their list to the e-trading
system; it never knows who comes next. As the **sealer** it walks down an order of handles
that it alone knows until the evaluation starts; it never knows who they are. Everything
that follows from a word is said in the same transaction; calls and deliveries are errands.
No staff member of either center sees a name: they see counts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from adapters.messaging.port import Answer, Messaging
from adapters.trading.port import TradingSystem
from federation.engine.floor import Said
from federation.engine.negotiator import Negotiator
from federation.errors import (
    Conflict,
    Malformed,
    NoAgreement,
    OutOfScope,
    Refused,
    TooEarly,
    TooLate,
)
from federation.ids import AgreementId, CenterId, ConversationId
from federation.lottery import audit, ranking, walk
from federation.lottery.audit import DrawRefuted, Spoken
from federation.lottery.pool import Pool
from federation.lottery.walk import Ask, Exhausted, Settled
from federation.protocol import draw as words
from federation.protocol.agreement import AgreementTerms, draw_opens_ms
from federation.protocol.booking import CONFIRMED, Hold
from federation.protocol.conversation import Conversation, Word
from federation.protocol.draw import (
    OWNER,
    SEALER,
    AcceptDraw,
    Close,
    Commit,
    Fault,
    Next,
    Open,
    Report,
    RequestDraw,
    Response,
    Result,
    Reveal,
    Ruling,
    Shortfall,
    Slot,
    Verdict,
)
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import seal
from federation.wire.envelopes import Receipt, Statement, decode_statement
from federation.wire.words import decode_word
from node.domain.workday import SHANGHAI
from node.services.draw_view import DrawView, view
from node.services.errands import Handler
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk, Reaction
from node.store import bookings, draws, errands, experts, pools, projects, transcripts
from node.store.bookings import BookingRow
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow, SealedList
from node.store.ledger import SqlLedger
from node.store.projects import ProjectRow

CALL: Final = "call_expert"
CONFIRM: Final = "confirm_expert"
SEAL: Final = "seal_list"
PUSH: Final = "push_list"

_ANSWERS: Final = {
    Answer.ATTEND: Response.ACCEPT,
    Answer.DECLINE: Response.DECLINE,
    Answer.NO_ANSWER: Response.NO_ANSWER,
}


@dataclass(frozen=True, slots=True)
class DrawnMember:
    """One expert on a list: ``uid`` only where the expert is ours."""

    draw: bytes
    owner: str
    slot: int
    entry: bytes
    uid: str | None


@dataclass(frozen=True, slots=True)
class DrawStatus:
    """What anybody of the center's people may know of a draw before the start: counts."""

    id: bytes
    owner: str
    sealer: str
    phase: str
    invited: int
    accepted: int
    supplements: int
    list_delivered: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What an expert is told: when and where, never what for (四不知)."""

    center_name: str
    phone: str


class Draws(Reaction):
    """Starts draws, plays our part in them, and says who was drawn."""

    def __init__(
        self, *, cipher: ColumnCipher, trading: TradingSystem, messaging: Messaging, place: Place
    ) -> None:
        self._cipher = cipher
        self._trading = trading
        self._messaging = messaging
        self._place = place

    # Use cases

    def start(self, desk: Desk, project: bytes, by: str) -> list[bytes]:
        """Start all draws of a project: one from each sub's pool, one from ours.

        Raises:
            NotFound: No such project.
            Conflicting: Not all sub-venues are confirmed, a pool is not announced, the draw
                window is not open, or the draws were started before.
        """
        connection = desk.ledger.connection
        found = projects.get(connection, project)
        if found is None:
            raise NotFound("没有这个项目", "there is no such project")
        legs = [leg for leg in bookings.of_project(connection, project) if leg.phase == CONFIRMED]
        if not legs:
            raise Conflicting("副场尚未全部确认", "no sub-venue is confirmed yet")
        if draws.of_project(connection, project):
            raise Conflicting("抽取已经开始", "the draws were started before")
        ids = []
        for leg in legs:
            terms = self._terms(desk, leg.agreement)
            self._check_window(desk, terms, found.project.bid_deadline_ms, leg.start_ms)
            if leg.hold.experts:
                ids.append(self._open(desk, leg, found.project.bid_deadline_ms))
        asked = found.plan.host_slots if found.plan else ()
        own = tuple(Slot(slot.specialty, slot.count) for slot in asked)
        if own:
            ids.append(self._request(desk, legs[0], found, own))
        del by  # the words are signed by the center; the account is in the request log
        return ids

    def _open(self, desk: Desk, leg: BookingRow, bid_deadline_ms: int) -> bytes:
        announced = pools.latest(
            desk.ledger.connection, leg.peer, desk.identity.center, desk.now_ms
        )
        if announced is None:
            raise Conflicting("副场尚未公布专家库承诺", "the sub has not announced its pool yet")
        spoken = desk.open(
            CenterId(leg.peer),
            AgreementId(leg.agreement),
            self._opening(
                desk,
                booking=leg.conversation,
                announced=announced,
                slots=tuple(Slot(need.specialty, need.count) for need in leg.hold.experts),
                owner=leg.peer,
                times=(bid_deadline_ms, leg.start_ms),
            ),
        )
        return spoken.conversation.id

    def _opening(
        self,
        desk: Desk,
        *,
        booking: bytes,
        announced: AnnouncePool,
        slots: tuple[Slot, ...],
        owner: str,
        times: tuple[int, int],
        exclusion: bytes = b"",
    ) -> Open:
        earlier = draws.of_booking(desk.ledger.connection, booking)
        opened = sum(1 for row in earlier if row.phase not in {words.NEW, words.REQUESTED})
        return Open(
            booking_id=booking,
            sequence=opened + 1,
            pool=announced.pool,
            epoch=announced.epoch,
            root=announced.root,
            slots=slots,
            contributors=(owner, desk.identity.center),
            bid_deadline_ms=times[0],
            evaluation_start_ms=times[1],
            exclusion_commitment=exclusion,
        )

    def _request(
        self, desk: Desk, leg: BookingRow, project: ProjectRow, slots: tuple[Slot, ...]
    ) -> bytes:
        announced = pools.latest(
            desk.ledger.connection, desk.identity.center, leg.peer, desk.now_ms
        )
        if announced is None:
            raise Conflicting(
                "本中心尚未公布专家库承诺", "this center has not announced its pool yet"
            )
        salt = desk.new_id() + desk.new_id()
        excluded = _excluded(project)
        spoken = desk.open(
            CenterId(leg.peer),
            AgreementId(leg.agreement),
            RequestDraw(
                booking_id=leg.conversation,
                pool=announced.pool,
                epoch=announced.epoch,
                slots=slots,
                bid_deadline_ms=project.project.bid_deadline_ms,
                evaluation_start_ms=leg.start_ms,
                exclusion_commitment=audit.exclusion_commitment(
                    desk.identity.digests, salt, excluded
                ),
            ),
        )
        draws.set_exclusion_salt(desk.ledger.connection, spoken.conversation.id, salt)
        return spoken.conversation.id

    def members(self, desk: Desk, booking: bytes) -> list[DrawnMember]:
        """Who is on the lists of a booking's draws now."""
        connection = desk.ledger.connection
        found = []
        for row in draws.of_booking(connection, booking):
            seen = self._view(desk, row)
            if seen.walk is None or row.phase == words.VOID:
                continue
            asked = draws.invitations(connection, row.id)
            found += [
                DrawnMember(
                    row.id,
                    self._owner(desk, row),
                    slot,
                    entry,
                    asked[entry].uid if entry in asked else None,
                )
                for slot, entry in seen.walk.chosen
            ]
        return found

    def sealed(self, desk: Desk, booking: bytes) -> bool:
        """Whether every draw of a booking has its list sealed, and ours are delivered."""
        rows = [
            row
            for row in draws.of_booking(desk.ledger.connection, booking)
            if row.phase != words.VOID
        ]
        return bool(rows) and all(
            row.phase in {words.SEALED, words.CLOSED}
            and (row.role != OWNER or self._delivered(desk, row))
            for row in rows
        )

    def close_all(self, desk: Desk, booking: bytes) -> None:
        """The evaluation starts: open our seals, so that everybody can recompute the draws."""
        for row in draws.of_booking(desk.ledger.connection, booking):
            if row.role == SEALER and row.phase == words.SEALED:
                seen = self._view(desk, row)
                assert seen.walk is not None, "a sealed list was walked to"
                desk.say(ConversationId(row.id), Close(self._value(row), seen.walk.head))

    def leave(self, desk: Desk, draw: bytes, entry: bytes) -> None:
        """An expert of ours who had accepted takes leave; the next of the same ranking follows.

        Raises:
            NotFound: No such draw or expert of ours.
            Conflicting: The list is not sealed yet, or the evaluation has started.
        """
        row = draws.get(desk.ledger.connection, draw)
        invited = draws.invitations(desk.ledger.connection, draw) if row else {}
        if row is None or entry not in invited:
            raise NotFound("没有这位专家的邀请", "this expert was not invited by us")
        if row.phase != words.SEALED:
            raise Conflicting(
                "名单未封存或评标已开始, 不能请假",
                "leave is possible only between the sealed list and the start",
            )
        self._report(desk, row, entry, Response.LEAVE, b"leave filed with the center")

    def status(self, desk: Desk, project: bytes) -> list[DrawStatus]:
        """Counts for a project's draws."""
        return [
            self._status(desk, row) for row in draws.of_project(desk.ledger.connection, project)
        ]

    def everything(self, desk: Desk) -> list[DrawStatus]:
        """Counts for all draws, for supervisors."""
        return [self._status(desk, row) for row in draws.everything(desk.ledger.connection)]

    # What the words mean: may it be said?

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        if isinstance(word, RequestDraw):
            self._admit_request(desk, conversation, word)
        elif isinstance(word, Open):
            self._admit_open(desk, conversation, word)
        elif isinstance(word, Fault):
            return
        else:
            self._admit_step(desk, conversation, word, statement)

    def _admit_request(self, desk: Desk, conversation: Conversation, word: RequestDraw) -> None:
        self._check_booking(desk, conversation, word.booking_id, word.evaluation_start_ms)
        announced = pools.announcement(
            desk.ledger.connection,
            conversation.peer,
            desk.identity.center,
            word.pool,
            word.epoch,
        )
        if announced is None:
            raise OutOfScope("the pool and epoch were not announced to us")
        self._check_pool(desk, conversation, announced, word.slots)
        self._admit_window(desk, conversation, word.bid_deadline_ms, word.evaluation_start_ms)

    def _admit_open(self, desk: Desk, conversation: Conversation, word: Open) -> None:
        hold = self._check_booking(desk, conversation, word.booking_id, word.evaluation_start_ms)
        if word.contributors != (desk.identity.center, conversation.peer):
            raise Malformed("contributors must be the owner and the sealer", clause="V6")
        announced = pools.announcement(
            desk.ledger.connection,
            desk.identity.center,
            conversation.peer,
            word.pool,
            word.epoch,
        )
        if announced is None or announced.root != word.root:
            raise OutOfScope("this pool, epoch and root were not announced by us", clause="V4")
        rows = draws.of_booking(desk.ledger.connection, word.booking_id)
        if conversation.phase == words.REQUESTED:
            row = next(row for row in rows if row.id == conversation.id)
            request = self._view(desk, row).request
            assert request is not None, "a requested draw has its request"
            if (word.pool, word.epoch, word.slots, word.exclusion_commitment) != (
                request.pool,
                request.epoch,
                request.slots,
                request.exclusion_commitment,
            ):
                raise Refused("the draw differs from what was requested")
        else:
            needs = tuple(Slot(need.specialty, need.count) for need in hold.experts)
            if word.slots != needs:
                raise OutOfScope("the slots are not those of the confirmed booking")
            if any(self._owner(desk, row) == desk.identity.center for row in rows):
                raise Refused("this booking's draw from our pool was opened before", clause="V2")
        self._check_pool(desk, conversation, announced, word.slots)
        self._admit_window(desk, conversation, word.bid_deadline_ms, word.evaluation_start_ms)

    def _admit_step(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        row = draws.get(desk.ledger.connection, conversation.id)
        if row is None:
            raise Refused("there is no such draw")
        seen = self._view(desk, row)
        digests = desk.identity.digests
        if isinstance(word, AcceptDraw):
            assert seen.opening is not None, "only an opened draw is accepted"
            view(
                digests,
                [*seen.spoken, Spoken(conversation.peer, b"", word)],
                self._pool_of(desk, row),
            )
        elif isinstance(word, Reveal):
            self._check_value(desk, seen, conversation.peer, word.value)
        elif isinstance(word, Close):
            self._check_value(desk, seen, conversation.peer, word.value)
            self._audit_close(desk, row, seen, conversation, word)
        elif seen.walk is not None:
            # The step chain takes the payload; whether the step fits does not depend on it.
            seen.walk.heard(word, statement.body)

    # What the words mean: what follows?

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        word, draw = spoken.word, spoken.conversation.id
        if isinstance(word, RequestDraw) or (
            isinstance(word, Open) and draws.get(desk.ledger.connection, draw) is None
        ):
            self._begin(desk, spoken, word.booking_id, word.pool, word.epoch)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        word, conversation = spoken.word, spoken.conversation
        if isinstance(word, RequestDraw):
            self._begin(desk, spoken, word.booking_id, word.pool, word.epoch)
            announced = self._pool_of(desk, self._row(desk, conversation.id))
            desk.say(
                conversation.id,
                self._opening(
                    desk,
                    booking=word.booking_id,
                    announced=announced,
                    slots=word.slots,
                    owner=conversation.peer,
                    times=(word.bid_deadline_ms, word.evaluation_start_ms),
                    exclusion=word.exclusion_commitment,
                ),
            )
        elif isinstance(word, Open):
            if draws.get(desk.ledger.connection, conversation.id) is None:
                self._begin(desk, spoken, word.booking_id, word.pool, word.epoch)
            self._accept(desk, self._row(desk, conversation.id), word)
        elif isinstance(word, Commit):
            self._committed(desk, self._row(desk, conversation.id))
        elif isinstance(word, Reveal | Report | Verdict | Shortfall):
            self._ask_next(desk, self._row(desk, conversation.id))
        elif isinstance(word, Next):
            self._rule(desk, self._row(desk, conversation.id), word)

    def _begin(self, desk: Desk, spoken: Said, booking: bytes, pool: str, epoch: str) -> None:
        connection = desk.ledger.connection
        conversation = spoken.conversation
        leg = bookings.get(connection, booking)
        assert leg is not None, "admitted only with a confirmed booking"
        assert conversation.agreement is not None, "a draw has an agreement"
        draws.add(
            connection,
            DrawRow(
                id=conversation.id,
                role=conversation.role,
                peer=conversation.peer,
                booking=booking,
                project=leg.project,
                pool=pool,
                epoch=epoch,
                sealed_value=self._cipher.seal(
                    "draw.sealed_value",
                    conversation.id.hex(),
                    (desk.new_id() + desk.new_id()).hex(),
                ),
                reveal_after=None,
                exclusion_salt=None,
                phase=conversation.phase,
                agreement=conversation.agreement,
            ),
            desk.now_ms,
        )

    def _accept(self, desk: Desk, row: DrawRow, opening: Open) -> None:
        pool = self._own_pool(desk, row)
        wanted = sorted({slot.specialty for slot in opening.slots})
        desk.say(ConversationId(row.id), AcceptDraw(tuple(pool.listing(name) for name in wanted)))
        self._commit(desk, row)

    def _commit(self, desk: Desk, row: DrawRow) -> None:
        seen = self._view(desk, row)
        desk.say(
            ConversationId(row.id),
            Commit(
                ranking.commitment(
                    desk.identity.digests, seen.open_hash, desk.identity.center, self._value(row)
                )
            ),
        )

    def _committed(self, desk: Desk, row: DrawRow) -> None:
        if row.role == SEALER:
            self._commit(desk, row)
            return
        # Nobody reveals before the other center has cosigned a log that holds every commit.
        size, _ = desk.ledger.log_head()
        draws.set_reveal_after(desk.ledger.connection, row.id, size)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, size: int) -> None:
        for row in draws.waiting_to_reveal(desk.ledger.connection, peer, size):
            draws.set_reveal_after(desk.ledger.connection, row.id, None)
            if row.phase == words.COMMITTED:
                desk.say(ConversationId(row.id), Reveal(self._value(row)))

    def _ask_next(self, desk: Desk, row: DrawRow) -> None:
        """The sealer names the next entry, unless it is for the owner to go on."""
        seen = self._view(desk, row)
        if seen.walk is None or seen.walk.pending is not None or row.phase != words.WALKING:
            return
        if not isinstance(seen.walk.due, walk.Place):
            return  # the owner says Shortfall or Result
        ask = walk.next_step(seen.walk, self._orders(desk, row, seen))
        assert isinstance(ask, Ask), "a place is due, so somebody is asked"
        desk.say(
            ConversationId(row.id),
            Next(
                step=seen.walk.steps,
                slot=ask.slot,
                rank=ask.rank,
                entry=ask.entry,
                previous_step=seen.walk.head,
            ),
        )

    def _rule(self, desk: Desk, row: DrawRow, word: Next) -> None:
        """The owner rules on an entry; an invited expert is called."""
        seen = self._view(desk, row)
        assert seen.walk is not None, "entries are asked on a walk"
        pool = self._own_pool(desk, row)
        ruling = walk.rule(seen.walk, pool.attributes(word.entry), self._excluded(desk, row))
        digests, openings = pool.open(word.entry, walk.OPENED_FOR[ruling])
        desk.say(
            ConversationId(row.id),
            Verdict(word.entry, ruling, digests, openings, seen.walk.head),
        )
        if ruling is Ruling.INVITE:
            draws.invite(
                desk.ledger.connection,
                row.id,
                word.entry,
                word.slot,
                pool.member(word.entry),
                desk.now_ms,
            )
            self._errand(desk, CALL, row.id, word.entry.hex(), entry=word.entry.hex())
        else:
            self._go_on(desk, row)

    def _report(
        self, desk: Desk, row: DrawRow, entry: bytes, response: Response, receipt: bytes
    ) -> None:
        seen = self._view(desk, row)
        assert seen.walk is not None, "experts are invited on a walk"
        evidence = desk.identity.digests.tagged("evidence", receipt)
        draws.answer(desk.ledger.connection, row.id, entry, response.name, evidence, desk.now_ms)
        desk.say(ConversationId(row.id), Report(entry, response, evidence, seen.walk.head))
        self._go_on(desk, row)

    def _go_on(self, desk: Desk, row: DrawRow) -> None:
        """The owner declares shortfalls and, when every slot is settled, seals the list."""
        while True:
            seen = self._view(desk, row)
            assert seen.walk is not None, "a walk has begun"
            due = seen.walk.due
            if seen.walk.pending is not None or isinstance(due, walk.Place):
                return
            if isinstance(due, Settled):
                revision = str(seen.walk.revision + 1)
                self._errand(desk, SEAL, row.id, revision)
                return
            assert isinstance(due, Exhausted), "the third of three"
            desk.say(ConversationId(row.id), Shortfall(due.slot, due.missing))

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The draw has ended; the status shows it, a new one needs people."""

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        if before.phase == words.WALKING and before.role == OWNER:
            row = self._row(desk, before.id)
            seen = self._view(desk, row)
            if seen.walk is not None and not isinstance(seen.walk.due, walk.Place):
                self._go_on(desk, row)  # it is our own turn: the sealer is not at fault
                return
        desk.say(
            before.id,
            Fault(before.phase, f"{before.peer} did not do its part in {before.phase} in time"),
        )

    # Errands: what is done outside

    def handlers(self) -> Mapping[str, Handler]:
        """How our errands are run."""
        return {CALL: self._call, CONFIRM: self._confirm, SEAL: self._seal, PUSH: self._push}

    def bind(self, negotiator: Negotiator[SqlLedger]) -> None:
        """Give the handlers their way to the database."""
        self._negotiator = negotiator

    async def _call(self, key: str, argument: dict[str, Any]) -> Any:
        draw, entry = bytes.fromhex(argument["draw"]), bytes.fromhex(argument["entry"])
        phone, text = await self._negotiator.transact(
            lambda desk: self._invitation(desk, draw, entry)
        )
        result = await self._messaging.invite(key, phone, text)

        def took(desk: Desk) -> None:
            row = self._row(desk, draw)
            if row.phase != words.INVITED:
                return  # the draw became void while the phone rang
            self._report(desk, row, entry, _ANSWERS[result.answer], result.receipt)
            if result.answer is Answer.ATTEND:
                self._errand(desk, CONFIRM, draw, entry.hex(), entry=entry.hex())

        return took

    async def _confirm(self, key: str, argument: dict[str, Any]) -> Any:
        draw, entry = bytes.fromhex(argument["draw"]), bytes.fromhex(argument["entry"])
        phone, text = await self._negotiator.transact(
            lambda desk: self._confirmation(desk, draw, entry)
        )
        await self._messaging.sms(key, phone, text)
        return _nothing

    async def _seal(self, key: str, argument: dict[str, Any]) -> Any:
        del key
        draw = bytes.fromhex(argument["draw"])
        sealing_key = await self._trading.sealing_key()

        def took(desk: Desk) -> None:
            row = self._row(desk, draw)
            seen = self._view(desk, row)
            if row.phase == words.WALKING and seen.walk and isinstance(seen.walk.due, Settled):
                self._seal_list(desk, row, seen, sealing_key)

        return took

    def _seal_list(self, desk: Desk, row: DrawRow, seen: DrawView, sealing_key: bytes) -> None:
        assert seen.walk is not None, "checked by the caller"
        connection = desk.ledger.connection
        digests = desk.identity.digests
        salt = desk.new_id() + desk.new_id()
        chosen = seen.walk.chosen
        info = audit.result_info(digests, seen.open_hash, seen.walk.head)
        plain = self._plain_list(desk, row, chosen)
        sealed = SealedList(
            draw=row.id,
            revision=seen.walk.revision + 1,
            sealed=seal(sealing_key, info, plain),
            info=info,
            members=len(chosen),
            salt=salt,
            receipt=None,
        )
        draws.add_list(connection, sealed)
        desk.say(
            ConversationId(row.id),
            Result(
                list_commitment=audit.list_commitment(digests, seen.open_hash, salt, chosen),
                sealed_digest=digests.hash(sealed.sealed),
                revision=sealed.revision,
                members=sealed.members,
            ),
        )
        self._errand(desk, PUSH, row.id, str(sealed.revision), revision=sealed.revision)

    def _plain_list(self, desk: Desk, row: DrawRow, chosen: Sequence[tuple[int, bytes]]) -> bytes:
        """The list as only the e-trading system may read it: who, and the proof that it is they."""
        pool = self._own_pool(desk, row)
        asked = draws.invitations(desk.ledger.connection, row.id)
        members = []
        for slot, entry in chosen:
            expert = experts.get(desk.ledger.connection, self._cipher, asked[entry].uid)
            assert expert is not None, "experts are never deleted, only given another status"
            _, (opening,) = pool.open(entry, ("id",))
            members.append({
                "entry": entry.hex(),
                "slot": slot,
                "uid": expert.uid,
                "name": expert.name,
                "id_number": expert.id_number,
                "salt": opening.salt.hex(),
            })  # fmt: skip
        body = {"draw": row.id.hex(), "owner": desk.identity.center, "members": members}
        return json.dumps(body, ensure_ascii=False, sort_keys=True).encode()

    async def _push(self, key: str, argument: dict[str, Any]) -> Any:
        del key
        draw, revision = bytes.fromhex(argument["draw"]), int(argument["revision"])
        sealed = await self._negotiator.transact(
            lambda desk: next(
                item
                for item in draws.lists(desk.ledger.connection, draw)
                if item.revision == revision
            )
        )
        receipt = await self._trading.deliver_roster(
            draw.hex(), revision, sealed.info, sealed.sealed
        )
        text = json.dumps({
            "id": receipt.receipt_id,
            "opened": receipt.opened,
            "members": receipt.members,
            "by": receipt.by,
        })  # fmt: skip
        return lambda desk: draws.set_list_receipt(desk.ledger.connection, draw, revision, text)

    # Small things

    def _errand(self, desk: Desk, kind: str, draw: bytes, key: str, **argument: object) -> None:
        errands.add(
            desk.ledger.connection,
            kind=kind,
            key=f"{kind}:{draw.hex()}:{key}",
            argument={"draw": draw.hex(), **argument},
            not_before_ms=desk.now_ms,
        )

    def _row(self, desk: Desk, draw: bytes) -> DrawRow:
        row = draws.get(desk.ledger.connection, draw)
        if row is None:
            raise NotFound("没有这次抽取", "there is no such draw")
        return row

    def _view(self, desk: Desk, row: DrawRow) -> DrawView:
        spoken = [
            Spoken(
                desk.identity.center if line.ours else row.peer,
                line.payload,
                decode_word(line.payload_type, decode_statement(line.payload).body),
            )
            for line in transcripts.of_conversation(desk.ledger.connection, row.id)
        ]
        return view(desk.identity.digests, spoken, self._pool_of(desk, row))

    def _owner(self, desk: Desk, row: DrawRow) -> str:
        return desk.identity.center if row.role == OWNER else row.peer

    def _pool_of(self, desk: Desk, row: DrawRow) -> AnnouncePool:
        owner = self._owner(desk, row)
        other = row.peer if row.role == OWNER else desk.identity.center
        found = pools.announcement(desk.ledger.connection, owner, other, row.pool, row.epoch)
        assert found is not None, "a draw is opened only on an announced pool"
        return found

    def _own_pool(self, desk: Desk, row: DrawRow) -> Pool:
        return pools.load_pool(desk.ledger.connection, self._cipher, row.pool, row.epoch)

    def _value(self, row: DrawRow) -> bytes:
        assert row.sealed_value is not None, "made when the draw began"
        return bytes.fromhex(self._cipher.open("draw.sealed_value", row.id.hex(), row.sealed_value))

    def _orders(self, desk: Desk, row: DrawRow, seen: DrawView) -> tuple[list[bytes], ...]:
        assert seen.opening is not None, "an order needs a draw"
        assert seen.listings is not None, "and its entries"
        seed = ranking.seed(
            desk.identity.digests, seen.commits, [seen.owner_value, self._value(row)]
        )
        return ranking.orders(
            desk.identity.digests, seed, seen.opening.slots, seen.listings, words.MAX_STEPS
        )

    def _check_value(self, desk: Desk, seen: DrawView, center: str, value: bytes) -> None:
        committed = (seen.commitments or {}).get(center)
        if ranking.commitment(desk.identity.digests, seen.open_hash, center, value) != committed:
            raise Malformed("the value is not the committed one", clause="V7")

    def _audit_close(
        self, desk: Desk, row: DrawRow, seen: DrawView, conversation: Conversation, word: Close
    ) -> None:
        excluded = self._excluded(desk, row) if row.exclusion_salt else None
        try:
            audit.audit(
                desk.identity.digests,
                [*seen.spoken, Spoken(conversation.peer, b"", word)],
                self._pool_of(desk, row),
                excluded,
                exclusion_salt=row.exclusion_salt or b"",
            )
        except DrawRefuted as error:
            raise Malformed(error.sentence, clause=error.rule) from error

    def _excluded(self, desk: Desk, row: DrawRow) -> Sequence[str]:
        if row.project is None or row.exclusion_salt is None:
            return ()  # the other center's project: its parties are not told (四不知)
        project = projects.get(desk.ledger.connection, row.project)
        assert project is not None, "a draw of ours belongs to a project of ours"
        return _excluded(project)

    def _terms(self, desk: Desk, agreement: bytes | None) -> AgreementTerms:
        terms = desk.ledger.agreement(AgreementId(agreement or b""))
        if terms is None:
            raise NoAgreement("no such agreement is active here")
        return terms

    def _check_booking(
        self, desk: Desk, conversation: Conversation, booking: bytes, start_ms: int
    ) -> Hold:
        leg = bookings.get(desk.ledger.connection, booking)
        if leg is None or leg.peer != conversation.peer or leg.agreement != conversation.agreement:
            raise Refused("a draw needs a booking between the two centers")
        if leg.phase != CONFIRMED:
            raise Conflict(f"the booking is {leg.phase}, not CONFIRMED")
        if leg.start_ms != start_ms:
            raise OutOfScope("evaluation_start_ms is not the start of the booking")
        return leg.hold

    def _check_pool(
        self,
        desk: Desk,
        conversation: Conversation,
        announced: AnnouncePool,
        slots: Sequence[Slot],
    ) -> None:
        if not announced.valid_from_ms <= desk.now_ms <= announced.valid_until_ms:
            raise OutOfScope("the pool's epoch is over or has not begun", clause="V3")
        terms = self._terms(desk, conversation.agreement)
        since = pools.announced_at_ms(desk.ledger.connection, announced, conversation.peer)
        if since is None or desk.now_ms - since < terms.pool_min_age_ms:
            raise TooEarly("the pool was announced too recently", clause="pool_min_age_ms")
        known = {stratum.specialty: stratum.size for stratum in announced.strata}
        lacking = [slot.specialty for slot in slots if known.get(slot.specialty, 0) < slot.count]
        if lacking:
            raise OutOfScope(f"the pool has too few experts of {', '.join(lacking)}")

    def _admit_window(
        self, desk: Desk, conversation: Conversation, bid_deadline_ms: int, start_ms: int
    ) -> None:
        terms = self._terms(desk, conversation.agreement)
        opens_ms = draw_opens_ms(terms, bid_deadline_ms, start_ms)
        if desk.now_ms < opens_ms:
            raise TooEarly(
                "the draw window is not open yet",
                clause="draw_earliest_ms",
                alternative=f"at_ms>={opens_ms}",
            )
        if desk.now_ms >= start_ms:
            raise TooLate("the evaluation has started", clause="evaluation_start_ms")

    def _check_window(
        self, desk: Desk, terms: AgreementTerms, bid_deadline_ms: int, start_ms: int
    ) -> None:
        opens_ms = draw_opens_ms(terms, bid_deadline_ms, start_ms)
        if desk.now_ms < opens_ms:
            at = _local(opens_ms)
            raise Conflicting(
                f"抽取时间未到: 最早 {at} (北京时间)",
                f"too early: the draw may start at {at} Beijing time",
            )

    def _delivered(self, desk: Desk, row: DrawRow) -> bool:
        sealed = draws.lists(desk.ledger.connection, row.id)
        return bool(sealed) and sealed[-1].receipt is not None

    def _status(self, desk: Desk, row: DrawRow) -> DrawStatus:
        seen = self._view(desk, row)
        own = row.role == OWNER
        progress = seen.walk
        return DrawStatus(
            id=row.id,
            owner=self._owner(desk, row),
            sealer=row.peer if own else desk.identity.center,
            phase=row.phase,
            invited=progress.invited if progress else 0,
            accepted=progress.accepted if progress else 0,
            supplements=progress.supplements if progress else 0,
            list_delivered=self._delivered(desk, row) if own else row.phase in _LISTED,
        )

    def _invitation(self, desk: Desk, draw: bytes, entry: bytes) -> tuple[str, str]:
        phone, start_ms = self._addressee(desk, draw, entry)
        text = (
            f"您好, 邀请您于{_local(start_ms)}到{self._place.center_name}参加评审。"
            f"参加请按1, 不能参加请按2, 重听请按3。咨询电话{self._place.phone}。"
        )
        return phone, text

    def _confirmation(self, desk: Desk, draw: bytes, entry: bytes) -> tuple[str, str]:
        phone, start_ms = self._addressee(desk, draw, entry)
        text = (
            f"您已确认参加评审。请于{_local(start_ms)}前携带本人身份证原件到"
            f"{self._place.center_name}评标区签到。咨询电话{self._place.phone}。"
        )
        return phone, text

    def _addressee(self, desk: Desk, draw: bytes, entry: bytes) -> tuple[str, int]:
        connection = desk.ledger.connection
        uid = draws.invitations(connection, draw)[entry].uid
        row = self._row(desk, draw)
        leg = bookings.get(connection, row.booking)
        assert leg is not None, "a draw belongs to a booking"
        expert = experts.get(connection, self._cipher, uid)
        assert expert is not None, "experts are never deleted, only given another status"
        return expert.phone, leg.start_ms


_LISTED: Final = frozenset({words.SEALED, words.CLOSED})


def _excluded(row: ProjectRow) -> tuple[str, ...]:
    """Employers that must recuse before the bids are open: tenderee and agency."""
    return tuple(sorted({party.uscc for party in row.project.parties}))


def _local(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _nothing(desk: Desk) -> None:
    """The errand itself was all there was to do."""
