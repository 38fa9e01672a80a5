"""What an invitation is made of: whom to call, what to say, and which record of it counts.

An answer counts with the gateway's signed record of this very call and not without: a record that
is unsigned, signed by another key or of another call becomes no outcome; the errand is tried
again and the operator told. Whoever was called gets a code by message, also who is said not to
have answered: with it the expert reads what was recorded, without a log-in.
"""

from dataclasses import dataclass, field
from typing import Final

from adapters.errors import OutsideError, Rejected
from adapters.messaging.port import Answer, CallResult, Messaging
from federation.errors import TooEarly
from federation.evidence import call_record
from federation.evidence.call_record import CALL, SMS, CallRecord
from federation.evidence.shape import Misshapen
from federation.ids import ConversationId
from federation.trust.suite import Suite, suite
from node.domain.calling import CallingHours, code_of, read_code
from node.domain.invitation_text import Texts, filled
from node.domain.workday import local_time
from node.services.accounts import Role
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import bookings, draws, experts, invited, sessions, todos
from node.store.cipher import ColumnCipher

RECEIPT_WRONG: Final = "call_receipt_wrong"
"""The to-do by which the operator learns that the gateway's records do not count."""
TOO_LATE: Final = "call_too_late"
"""The to-do by which the staff learns that nobody is called any more for an evaluation."""
SYSTEM: Final = "messaging"
USUAL_TEXTS: Final = Texts()
ALWAYS: Final = CallingHours()
OWN_HOURS: Final = "hours in which the center's experts are called"
"""The clause that a refusal names."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an expert is told: when and where, never what for (四不知)."""

    center_name: str
    phone: str


@dataclass(frozen=True, slots=True)
class InvitationPolicy:
    """Rules of our own on invitations.

    Args:
        texts: What is said.
        hours: When nobody is called.
        code_at_check_in: Whether an expert shows the code beside the identity card.
    """

    texts: Texts = USUAL_TEXTS
    hours: CallingHours = ALWAYS
    code_at_check_in: bool = False


USUAL: Final = InvitationPolicy()


@dataclass(frozen=True, slots=True)
class Order:
    """One call or message to make.

    Args:
        key: Names it for the gateway.
        kind: ``CALL`` or ``SMS``.
        phone: Whom.
        text: What to say.
        suite: Under which the record is to be signed.
        too_late: So shortly before the evaluation that nobody is called any more.
    """

    key: str
    kind: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    suite: Suite
    too_late: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is told to whoever has the code of an invitation."""

    handle: bytes
    invited_at_ms: int
    called: bool
    response: str | None
    answered_at_ms: int | None
    keys: str | None


class BadReceipt(OutsideError):
    """The gateway's record does not prove what the gateway answered."""


class Inviting:
    """Makes orders for the gateway, and judges its records.

    Args:
        cipher: For telephones, records and codes.
        place: Who invites.
        policy: Our own rules.
    """

    def __init__(self, cipher: ColumnCipher, place: Place, policy: InvitationPolicy) -> None:
        self._cipher = cipher
        self._place = place
        self.policy = policy

    def call(self, desk: Desk, key: str, draw: bytes, entry: bytes) -> Order:
        """The call to an expert who was drawn."""
        phone, when_ms = self._addressee(desk, draw, entry)
        text = self._filled(self.policy.texts.call, when_ms)
        late = self.policy.hours.is_too_late(when_ms, desk.now_ms) and not _runs(desk, draw)
        return Order(key, CALL, phone, text, self._suite(desk, draw), late)

    def message(
        self, desk: Desk, key: str, draw: bytes, entry: bytes, answer: Answer
    ) -> Order | None:
        """The message about what was recorded; None when its code was sent already."""
        code = invited.code_to_send(desk.ledger.connection, self._cipher, draw, entry)
        if code is None:
            return None
        texts = self.policy.texts
        template = {
            Answer.ATTEND: texts.confirmed,
            Answer.DECLINE: texts.declined,
            Answer.NO_ANSWER: texts.not_reached,
        }[answer]
        phone, when_ms = self._addressee(desk, draw, entry)
        return Order(
            key, SMS, phone, self._filled(template, when_ms, code), self._suite(desk, draw)
        )

    def check(self, messaging: Messaging, order: Order, receipt: bytes) -> CallRecord:
        """The record of an order, if it is one that counts.

        Raises:
            BadReceipt: It is not.
            Rejected: No key of the gateway is pinned for the suite.
        """
        key = messaging.receipt_key(order.suite.suite_id)
        try:
            record = call_record.check(order.suite, key, receipt)
        except Misshapen as error:
            raise BadReceipt(
                SYSTEM,
                f"the record of {order.key} does not count: {error}. Ask the vendor; nothing is "
                "reported of it meanwhile.",
            ) from error
        said = (record.kind, record.key, record.phone, record.text)
        if said != (order.kind, order.key, order.phone, order.text):
            raise BadReceipt(
                SYSTEM,
                f"the record of {order.key} is of another call, or of another text. Ask the "
                "vendor; nothing is reported of it meanwhile.",
            )
        return record

    def check_call(self, messaging: Messaging, order: Order, result: CallResult) -> CallRecord:
        """The same of a call, whose record must say what was answered. Raises as ``check``."""
        record = self.check(messaging, order, result.receipt)
        if record.answer != result.answer.value:
            raise BadReceipt(
                SYSTEM,
                f"the gateway answered {result.answer.value} for {order.key}, and its record says "
                f"{record.answer}. Ask the vendor.",
            )
        return record

    def keep(self, desk: Desk, draw: bytes, entry: bytes, record: CallRecord, raw: bytes) -> None:
        """Keep what happened on the telephone, and make the code that the expert is sent."""
        connection = desk.ledger.connection
        invited.keep_receipt(connection, self._cipher, draw, entry, raw, record.keys)
        invited.keep_code(connection, self._cipher, draw, entry, code_of(desk.new_secret()))
        for kind in (RECEIPT_WRONG, TOO_LATE):
            todos.done(connection, kind=kind, subject=draw, by=BY_SYSTEM, now_ms=desk.now_ms)

    def tell_wrong(self, desk: Desk, draw: bytes, error: OutsideError) -> None:
        """Tell the operator that records do not count."""
        detail = "未登记网关签名公钥" if isinstance(error, Rejected) else "网关回执未通过核验"
        todos.add(
            desk.ledger.connection,
            role=Role.OPERATOR.value,
            kind=RECEIPT_WRONG,
            subject=draw,
            zh=f"{detail},专家答复暂不计入,抽取停在通知环节,请联系语音短信服务商",
            en=f"an expert's answer does not count yet, and a draw waits for it: {error.detail}",
            now_ms=desk.now_ms,
        )

    def tell_too_late(self, desk: Desk, draw: bytes) -> None:
        """Tell the staff that nobody is called any more."""
        minutes = self.policy.hours.cut_off_minutes
        todos.add(
            desk.ledger.connection,
            role=Role.STAFF.value,
            kind=TOO_LATE,
            subject=draw,
            zh=f"距评标开始不足{minutes}分钟,不再通知专家:请改期,否则抽取逾时作废",
            en=f"less than {minutes} minutes before the evaluation nobody is called: move it, or "
            "the draw ends by its time limit",
            now_ms=desk.now_ms,
        )

    def check_hours(self, desk: Desk) -> None:
        """Our own people's question: may a draw from our pool begin now? Raises Conflicting."""
        opens_ms = self.policy.hours.opens_ms(desk.now_ms)
        if opens_ms > desk.now_ms:
            raise Conflicting(
                f"此时不通知专家,{local_time(opens_ms)}起可以开始抽取",
                f"experts are not called now; the draw may begin at {local_time(opens_ms)} "
                "Beijing time",
            )

    def admit_hours(self, desk: Desk) -> None:
        """May a partner open a draw from our pool now? Raises TooEarly."""
        opens_ms = self.policy.hours.opens_ms(desk.now_ms)
        if opens_ms > desk.now_ms:
            raise TooEarly(
                f"our experts are called from {local_time(opens_ms)} Beijing time on",
                clause=OWN_HOURS,
                alternative=f"at_ms>={opens_ms}",
            )

    def recorded(self, desk: Desk, code: str) -> Recorded:
        """What was recorded of the invitation that a code was sent for. Raises NotFound."""
        sent = read_code(code)
        row = None
        if sent is not None:
            row = invited.by_code(desk.ledger.connection, self._cipher, sent)
        if row is None:
            raise NotFound(
                "没有与此查询码对应的通知记录,请核对短信",
                "no invitation has this code; compare it with the message",
            )
        return Recorded(
            handle=row.entry,
            invited_at_ms=row.invited_at_ms,
            called=bool(row.record),
            response=row.response,
            answered_at_ms=row.answered_at_ms,
            keys=row.keys,
        )

    def fits_seat(self, desk: Desk, session: bytes, member: bytes, code: str) -> bool:
        """Whether a member shows the code that was sent for this evaluation.

        Representatives of the tenderee are not drawn, and have none.
        """
        connection = desk.ledger.connection
        seat = invited.seat(connection, session, member)
        if seat is None or seat.uid is None:
            return seat is not None
        own = [row.id for row in draws.of_booking(connection, seat.booking)]
        if seat.project is not None:
            own += [row.id for row in draws.of_project(connection, seat.project)]
        sent = read_code(code)
        return sent is not None and invited.is_code_of(
            connection, self._cipher, own, seat.uid, sent
        )

    def _filled(self, template: str, when_ms: int, code: str = "") -> str:
        return filled(
            template,
            time=local_time(when_ms),
            place=self._place.center_name,
            phone=self._place.phone,
            code=code,
        )

    def _addressee(self, desk: Desk, draw: bytes, entry: bytes) -> tuple[str, int]:
        """Whom to tell, and when to come: at once, where a member has left what has begun.

        Not by the clock of each try: the gateway knows a call again by its key, and a record of
        another text does not count.
        """
        connection = desk.ledger.connection
        row = draws.get(connection, draw)
        assert row is not None, "an errand belongs to a draw"
        leg = bookings.get(connection, row.booking)
        assert leg is not None, "a draw belongs to a booking"
        asked = invited.one(connection, self._cipher, draw, entry)
        assert asked is not None, "an errand belongs to an invitation"
        expert = experts.get(connection, self._cipher, asked.uid)
        assert expert is not None, "experts are never deleted, only given another status"
        at_once = asked.invited_at_ms > leg.start_ms and _runs(desk, draw)
        return expert.phone, asked.invited_at_ms if at_once else leg.start_ms

    def _suite(self, desk: Desk, draw: bytes) -> Suite:
        return suite(desk.suite_of(ConversationId(draw)).suite_id)


def _runs(desk: Desk, draw: bytes) -> bool:
    """Whether the evaluation has begun: then somebody has left it and is replaced."""
    row = draws.get(desk.ledger.connection, draw)
    assert row is not None, "an errand belongs to a draw"
    held = sessions.live_of_booking(desk.ledger.connection, row.booking)
    return held is not None and held.started_at_ms is not None
