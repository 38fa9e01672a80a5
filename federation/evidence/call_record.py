"""The telephone gateway's signed record of one call or message, as it goes into the evidence.

    lianping call record 1                                what it is
    {"answer":"attend","ended_ms":…,"key":…, … }          one JSON object, UTF-8
    signature <base64>                                    over the two lines before

Signed with the gateway's own key, which the center pinned, so that "not reached" is not just the
word of whom it may suit; the digest of all bytes is ``Report.evidence``. Who answers for the
gateway signs with the same suite that the draw is under. Here: the bytes. Nothing here calls.
"""

import json
from dataclasses import dataclass, field
from typing import Final

from federation.evidence.shape import Misshapen, Reader, b64, unique, utf8
from federation.trust.envelope import Signer, sign_alone, verify_alone
from federation.trust.suite import Digests, Suite

HEADER: Final = "lianping call record 1"
SIGNATURE: Final = "signature "
CALL: Final = "call"
SMS: Final = "sms"
ANSWERS: Final = ("attend", "decline", "no_answer")
"""How a call ended; a message has none."""
MAX_BYTES: Final = 16 * 1024  # a text of 500 characters, a telephone, a signature
MAX_KEYS: Final = 32  # what anybody presses within three minutes, and some more
_LATEST_MS: Final = 253_402_300_799_000


@dataclass(frozen=True, slots=True)
class CallRecord:
    """What the gateway says happened.

    Args:
        kind: ``CALL`` or ``SMS``.
        key: The idempotency key that it came under: names the invitation,
            ``call_expert:DRAW:ENTRY`` in hex.
        phone: Whose telephone.
        text: What was read out or sent.
        placed_ms: When the call was placed or the message was taken, unix milliseconds.
        ended_ms: When it was over.
        answer: One of ``ANSWERS``; "" for a message.
        keys: What was pressed, in order: 1 attend, 2 cannot, 3 repeat.
    """

    kind: str
    key: str
    phone: str = field(repr=False)
    text: str = field(repr=False)
    placed_ms: int
    ended_ms: int
    answer: str = ""
    keys: str = ""


def record_type(suite_id: str) -> str:
    """What the signature covers beside the bytes: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.call-record"


def is_of(record: CallRecord, draw: bytes, entry: bytes) -> bool:
    """Whether a record is of the call about this invitation, as its key says."""
    return record.kind == CALL and record.key.split(":")[1:] == [draw.hex(), entry.hex()]


def evidence(digests: Digests, receipt: bytes) -> bytes:
    """What a ``Report`` says of a receipt, 32 bytes."""
    return digests.tagged("evidence", receipt)


def write(record: CallRecord, suite_id: str, signer: Signer) -> bytes:
    """The record, signed by the gateway."""
    fields = {
        "answer": record.answer,
        "ended_ms": record.ended_ms,
        "key": record.key,
        "keys": record.keys,
        "kind": record.kind,
        "phone": record.phone,
        "placed_ms": record.placed_ms,
        "text": record.text,
    }
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    body = f"{HEADER}\n{text}\n".encode()
    return body + f"{SIGNATURE}{b64(sign_alone(record_type(suite_id), body, signer))}\n".encode()


def read(receipt: bytes) -> tuple[CallRecord, bytes, bytes]:
    """What a receipt says, the bytes under its signature, and the signature; nothing is checked.

    Raises:
        Misshapen: It is too large, or not of this shape.
    """
    if len(receipt) > MAX_BYTES:
        raise Misshapen("receipt", "回执过大", f"{len(receipt)} bytes, more than {MAX_BYTES}")
    lines = utf8(receipt, "receipt").split("\n")
    if len(lines) != 4 or lines[0] != HEADER or lines[3]:  # noqa: PLR2004 (see above)
        raise Misshapen("receipt", "不是语音短信网关的回执", f"is not a {HEADER!r} of three lines")
    if not lines[2].startswith(SIGNATURE):
        raise Misshapen("receipt", "回执没有网关签名", "is not signed")
    signature = Reader("signature").data(lines[2].removeprefix(SIGNATURE))
    try:
        document = json.loads(lines[1], object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Misshapen("record", "不是合法的 JSON", f"not JSON: {error}") from error
    return _record(Reader("record"), document), f"{lines[0]}\n{lines[1]}\n".encode(), signature


def check(suite: Suite, key: bytes, receipt: bytes) -> CallRecord:
    """What a receipt says, once the gateway's signature is verified.

    Args:
        suite: That the draw is under.
        key: The gateway's pinned public key of that suite.
        receipt: As it came.

    Raises:
        Misshapen: It is not of this shape, or not signed by this key.
    """
    record, body, signature = read(receipt)
    if not verify_alone(suite, record_type(suite.suite_id), body, key, signature):
        raise Misshapen(
            "signature",
            "回执的签名不是所登记的网关密钥所签",
            "is not by the pinned key of the gateway",
        )
    return record


def _record(reader: Reader, raw: object) -> CallRecord:
    top = reader.fields(raw, "answer ended_ms key keys kind phone placed_ms text")
    found = CallRecord(
        kind=reader.text(top["kind"]),
        key=reader.text(top["key"]),
        phone=reader.text(top["phone"]),
        text=reader.text(top["text"]),
        placed_ms=reader.number(top["placed_ms"], _LATEST_MS),
        ended_ms=reader.number(top["ended_ms"], _LATEST_MS),
        answer=reader.text(top["answer"]),
        keys=reader.text(top["keys"]),
    )
    answers = ANSWERS if found.kind == CALL else ("",)
    if found.kind not in {CALL, SMS} or found.answer not in answers:
        raise reader.wrong("通话结果不符", "is neither a call with an answer nor a message")
    if len(found.keys) > MAX_KEYS or set(found.keys) - set("0123456789*#"):
        raise reader.wrong("按键记录不符", "holds keys that no telephone has, or too many")
    if found.ended_ms < found.placed_ms:
        raise reader.wrong("结束早于开始", "ends before it begins")
    if found.answer != _answer_of(found):
        raise reader.wrong("通话结果与按键不符", "the answer is not what the keys say")
    return found


def _answer_of(record: CallRecord) -> str:
    """What the keys come to: the last 1 or 2 that was pressed."""
    if record.kind == SMS:
        return ""
    last = max(record.keys.rfind("1"), record.keys.rfind("2"))
    if last < 0:
        return "no_answer"
    return "attend" if record.keys[last] == "1" else "decline"
