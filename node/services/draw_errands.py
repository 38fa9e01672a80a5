"""What a draw does outside: calls experts, and brings sealed lists to the e-trading system."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.errors import OutsideError, Unreachable
from adapters.messaging.port import Answer, Messaging
from adapters.trading.port import TradingSystem
from federation.engine.negotiator import Negotiator
from federation.evidence.call_record import CallRecord
from federation.ids import ConversationId
from federation.lottery import audit
from federation.lottery.walk import Invited, Settled
from federation.protocol import booking
from federation.protocol import draw as words
from federation.protocol.draw import (
    Response,
    Result,
)
from federation.trust.suite import Suite, suite
from node.services.calling_off import CALL_OFF
from node.services.draw_files import DrawFiles
from node.services.draw_moves import CALL, CONFIRM, PUSH, SEAL, DrawMoves
from node.services.draw_view import DrawView
from node.services.errands import Handler
from node.services.house import Desk
from node.services.inviting import SYSTEM, Inviting
from node.store import bookings, draws, experts, invited
from node.store.bookings import BookingRow
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow, SealedList
from node.store.ledger import SqlLedger

_ANSWERS: Final = {
    Answer.ATTEND: Response.ACCEPT,
    Answer.DECLINE: Response.DECLINE,
    Answer.NO_ANSWER: Response.NO_ANSWER,
}


class DrawErrands:
    """Runs the errands of draws."""

    def __init__(
        self,
        *,
        files: DrawFiles,
        moves: DrawMoves,
        cipher: ColumnCipher,
        trading: TradingSystem,
        messaging: Messaging,
        inviting: Inviting,
    ) -> None:
        self.inviting = inviting
        self._files = files
        self._moves = moves
        self._cipher = cipher
        self._trading = trading
        self._messaging = messaging

    def handlers(self) -> Mapping[str, Handler]:
        """How our errands are run."""
        return {CALL: self._call, CONFIRM: self._confirm, SEAL: self._seal, PUSH: self._push}

    def bind(self, negotiator: Negotiator[SqlLedger]) -> None:
        """Give the handlers their way to the database."""
        self._negotiator = negotiator

    async def _call(self, key: str, argument: dict[str, Any]) -> Any:
        draw, entry = bytes.fromhex(argument["draw"]), bytes.fromhex(argument["entry"])
        if not await self._negotiator.transact(lambda desk: self._is_wanted(desk, draw)):
            return _nothing  # the booking was cancelled before anybody was called
        order = await self._negotiator.transact(
            lambda desk: self.inviting.call(desk, key, draw, entry)
        )
        if order.too_late:
            await self._negotiator.transact(lambda desk: self.inviting.tell_too_late(desk, draw))
            raise Unreachable(SYSTEM, f"nobody is called so shortly before the start ({key})")
        result = await self._messaging.invite(key, order.phone, order.text, order.suite.suite_id)
        record = await self._checked(
            draw, lambda: self.inviting.check_call(self._messaging, order, result)
        )

        def took(desk: Desk) -> None:
            self.inviting.keep(desk, draw, entry, record, result.receipt)
            row = self._files.row(desk, draw)
            if not self._is_called(desk, row, entry) or not self._is_wanted(desk, draw):
                # The draw became void while the phone rang: whoever said yes is told.
                if result.answer is Answer.ATTEND:
                    start_ms = self._leg(desk, row).start_ms
                    self._moves.leave_errand(
                        desk, CALL_OFF, draw, entry.hex(), entry=entry.hex(), start_ms=start_ms
                    )
                return
            self._moves.report(desk, row, entry, _ANSWERS[result.answer], result.receipt)
            self._moves.leave_errand(
                desk, CONFIRM, draw, entry.hex(), entry=entry.hex(), answer=result.answer.value
            )

        return took

    async def _confirm(self, key: str, argument: dict[str, Any]) -> Any:
        draw, entry = bytes.fromhex(argument["draw"]), bytes.fromhex(argument["entry"])
        answer = Answer(argument["answer"])
        if not await self._negotiator.transact(lambda desk: self._is_wanted(desk, draw)):
            return _nothing  # cancelled while the gateway was down: it must not come after that
        order = await self._negotiator.transact(
            lambda desk: self.inviting.message(desk, key, draw, entry, answer)
        )
        if order is None:
            return _nothing
        receipt = await self._messaging.sms(key, order.phone, order.text, order.suite.suite_id)
        await self._checked(draw, lambda: self.inviting.check(self._messaging, order, receipt))
        return lambda desk: invited.forget_code(desk.ledger.connection, draw, entry)

    async def _checked(self, draw: bytes, check: Callable[[], CallRecord]) -> CallRecord:
        """A record that counts; of one that does not the operator is told first."""
        try:
            return check()
        except OutsideError as error:
            wrong = error
        await self._negotiator.transact(lambda desk: self.inviting.tell_wrong(desk, draw, wrong))
        raise wrong

    async def _seal(self, key: str, argument: dict[str, Any]) -> Any:
        del key
        draw = bytes.fromhex(argument["draw"])
        chosen = await self._negotiator.transact(lambda desk: self._suite(desk, draw))
        sealing_key = await self._trading.sealing_key(chosen.suite_id)

        def took(desk: Desk) -> None:
            row = self._files.row(desk, draw)
            seen = self._files.view(desk, row)
            open_yet = row.phase in {words.WALKING, words.RESCUED}
            if open_yet and seen.walk and isinstance(seen.walk.due, Settled):
                if seen.walk.sealed:
                    return  # sealed by another run of this errand
                self._seal_list(desk, row, seen, sealing_key)

        return took

    def _is_called(self, desk: Desk, row: DrawRow, entry: bytes) -> bool:
        """Whether the draw still waits for this expert's answer."""
        if row.phase != words.RESCUED:
            return row.phase == words.INVITED
        seen = self._files.view(desk, row)
        pending = seen.walk.pending if seen.walk else None
        return isinstance(pending, Invited) and pending.entry == entry

    def _suite(self, desk: Desk, draw: bytes) -> Suite:
        row = self._files.row(desk, draw)
        return suite(self._files.terms(desk, row.agreement).suite)

    def _seal_list(self, desk: Desk, row: DrawRow, seen: DrawView, sealing_key: bytes) -> None:
        assert seen.walk is not None, "checked by the caller"
        connection = desk.ledger.connection
        chosen = self._suite(desk, row.id)
        salt = desk.new_secret()
        drawn = seen.walk.chosen
        info = audit.result_info(chosen, seen.open_hash, seen.walk.head)
        plain = self._plain_list(desk, row, drawn)
        sealed = SealedList(
            draw=row.id,
            revision=seen.walk.revision + 1,
            sealed=chosen.seal(sealing_key, info, plain),
            info=info,
            members=len(drawn),
            salt=salt,
            receipt=None,
        )
        draws.add_list(connection, sealed)
        desk.say(
            ConversationId(row.id),
            Result(
                list_commitment=audit.list_commitment(chosen, seen.open_hash, salt, drawn),
                sealed_digest=chosen.hash(sealed.sealed),
                revision=sealed.revision,
                members=sealed.members,
            ),
        )
        self._moves.leave_errand(desk, PUSH, row.id, str(sealed.revision), revision=sealed.revision)

    def _plain_list(self, desk: Desk, row: DrawRow, chosen: Sequence[tuple[int, bytes]]) -> bytes:
        """The list as only the e-trading system may read it: who, and the proof that it is they."""
        pool = self._files.own_pool(desk, row)
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

        def kept(desk: Desk) -> tuple[Suite, SealedList]:
            lists = draws.lists(desk.ledger.connection, draw)
            return self._suite(desk, draw), next(
                item for item in lists if item.revision == revision
            )

        chosen, sealed = await self._negotiator.transact(kept)
        receipt = await self._trading.deliver_roster(
            chosen.suite_id, draw.hex(), revision, sealed.info, sealed.sealed
        )
        text = json.dumps({
            "id": receipt.receipt_id,
            "opened": receipt.opened,
            "members": receipt.members,
            "by": receipt.by,
        })  # fmt: skip
        return lambda desk: draws.set_list_receipt(desk.ledger.connection, draw, revision, text)

    def _leg(self, desk: Desk, row: DrawRow) -> BookingRow:
        leg = bookings.get(desk.ledger.connection, row.booking)
        assert leg is not None, "a draw belongs to a booking"
        return leg

    def _is_wanted(self, desk: Desk, draw: bytes) -> bool:
        """Whether anybody is still to come: a cancelled booking calls nobody."""
        return self._leg(desk, self._files.row(desk, draw)).phase in booking.BOOKED


def _nothing(desk: Desk) -> None:
    """The errand itself was all there was to do."""
