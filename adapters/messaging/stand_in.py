"""A spool file in place of people's telephones: what they would have heard and read, line by line.

A call "happens" when its line is on disk. A process killed before that has called nobody; one
killed after finds the line and does not call again. Which scripted answer comes next follows
from the spool alone, so it survives restarts too. One process at a time per folder.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from adapters.durable import append_line, cut_torn_line, make_folder, whole_lines
from adapters.errors import Rejected
from adapters.messaging.port import Answer, CallResult, Happened, Recorder, check_text
from adapters.outside import Log, announce_stand_in

STAND_IN: Final = True
SYSTEM: Final = "模拟语音短信网关 (stand-in telephone gateway)"
SPOOL_FILE: Final = "spool.jsonl"

CALL: Final = "call"
SMS: Final = "sms"
PRESSED: Final = {Answer.ATTEND: "1", Answer.DECLINE: "2", Answer.NO_ANSWER: ""}
"""What people press who answer so."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """One call or message that reached a telephone.

    Attributes:
        kind: ``call`` or ``sms``.
        key: The idempotency key it came under.
        phone: Whose telephone.
        text: What was read out or sent.
        answer: What the expert "pressed"; "" for a message.
        keys: What the expert "pressed", in order.
        receipt: The record, signed with the stand-in's own key; SHA-256 of the rest without one.
    """

    kind: str
    key: str
    phone: str
    text: str
    answer: str
    keys: str
    receipt: bytes


def read_spool(folder: Path) -> list[Spooled]:
    """What people's telephones got, oldest first. May be read while the node writes."""
    return [_parse(line) for line in whole_lines(folder / SPOOL_FILE)]


class SpoolMessaging:
    """``Messaging`` into a spool file.

    Args:
        folder: Where ``spool.jsonl`` is kept; created when missing.
        answers: What experts answer, in the order of new calls; afterwards everyone attends.
        recorder: Signs the records; without one they are digests, and count for nothing.
        receipt_keys: The public keys that it signs with, by suite.
        log: Where to be loud.
    """

    stand_in: Final = STAND_IN

    def __init__(
        self,
        *,
        folder: Path,
        answers: Sequence[Answer] = (),
        recorder: Recorder | None = None,
        receipt_keys: Mapping[str, bytes] = MappingProxyType({}),
        log: Log | None = None,
    ) -> None:
        announce_stand_in("语音短信网关", "telephone gateway", log)
        make_folder(folder)
        self._path = folder / SPOOL_FILE
        self._answers = tuple(answers)
        self._recorder = recorder
        self._receipt_keys = receipt_keys
        cut_torn_line(self._path)
        self._known = {(item.kind, item.key): item for item in read_spool(folder)}

    async def self_test(self) -> None:
        """The spool is readable."""
        read_spool(self._path.parent)

    async def aclose(self) -> None:
        """Nothing is held open."""

    def receipt_key(self, suite: str) -> bytes:
        """The stand-in's own key; see ``Messaging``."""
        if suite not in self._receipt_keys:
            raise Rejected(SYSTEM, f"this stand-in signs nothing under {suite}")
        return self._receipt_keys[suite]

    async def invite(self, key: str, phone: str, text: str, suite: str = "") -> CallResult:
        """Spool a call and give the next scripted answer; see ``Messaging``."""
        check_text(text)
        calls = sum(1 for kind, _ in self._known if kind == CALL)
        answer = self._answers[calls] if calls < len(self._answers) else Answer.ATTEND
        happened = Happened(CALL, key, phone, text, answer.value, PRESSED[answer])
        spooled = self._spool_once(happened, suite)
        return CallResult(Answer(spooled.answer), spooled.receipt, spooled.keys)

    async def sms(self, key: str, phone: str, text: str, suite: str = "") -> bytes:
        """Spool a message; see ``Messaging``."""
        check_text(text)
        return self._spool_once(Happened(SMS, key, phone, text, "", ""), suite).receipt

    def _spool_once(self, happened: Happened, suite: str) -> Spooled:
        # Nothing is awaited between looking and writing: two tasks cannot both be first.
        place = happened.kind, happened.key
        known = self._known.get(place)
        if known is None:
            fields = asdict(happened)
            if suite and self._recorder is not None:
                fields["receipt"] = base64.b64encode(self._recorder(suite, happened)).decode()
            line = json.dumps(fields, ensure_ascii=False).encode()
            append_line(self._path, line)
            known = self._known[place] = _parse(line)
        elif (known.phone, known.text) != (happened.phone, happened.text):
            raise Rejected(
                SYSTEM,
                f"{happened.kind} {happened.key!r} came before with another phone or text. "
                "A key names one message; take a new one.",
            )
        return known


def _parse(line: bytes) -> Spooled:
    fields = json.loads(line)
    return Spooled(
        kind=fields["kind"],
        key=fields["key"],
        phone=fields["phone"],
        text=fields["text"],
        answer=fields["answer"],
        keys=fields["keys"],
        receipt=base64.b64decode(fields["receipt"])
        if "receipt" in fields
        else hashlib.sha256(line).digest(),
    )
