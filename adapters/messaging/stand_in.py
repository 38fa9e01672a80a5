"""A spool file in place of people's telephones: what they would have heard and read, line by line.

A call "happens" when its line is on disk. A process killed before that has called nobody; one
killed after finds the line and does not call again. Which scripted answer comes next follows
from the spool alone, so it survives restarts too. One process at a time per folder.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.durable import append_line, cut_torn_line, make_folder, whole_lines
from adapters.errors import Rejected
from adapters.messaging.port import Answer, CallResult, check_text
from adapters.outside import Log, announce_stand_in

STAND_IN: Final = True
SYSTEM: Final = "模拟语音短信网关 (stand-in telephone gateway)"
SPOOL_FILE: Final = "spool.jsonl"

CALL: Final = "call"
SMS: Final = "sms"


@dataclass(frozen=True, slots=True)
class Spooled:
    """One call or message that reached a telephone.

    Attributes:
        kind: ``call`` or ``sms``.
        key: The idempotency key it came under.
        phone: Whose telephone.
        text: What was read out or sent.
        answer: What the expert "pressed"; "" for a message.
        receipt: SHA-256 of the spool line, 32 bytes.
    """

    kind: str
    key: str
    phone: str
    text: str
    answer: str
    receipt: bytes


def read_spool(folder: Path) -> list[Spooled]:
    """What people's telephones got, oldest first. May be read while the node writes."""
    return [_parse(line) for line in whole_lines(folder / SPOOL_FILE)]


class SpoolMessaging:
    """``Messaging`` into a spool file.

    Args:
        folder: Where ``spool.jsonl`` is kept; created when missing.
        answers: What experts answer, in the order of new calls; afterwards everyone attends.
        log: Where to be loud.
    """

    stand_in: Final = STAND_IN

    def __init__(
        self, *, folder: Path, answers: Sequence[Answer] = (), log: Log | None = None
    ) -> None:
        announce_stand_in("语音短信网关", "telephone gateway", log)
        make_folder(folder)
        self._path = folder / SPOOL_FILE
        self._answers = tuple(answers)
        cut_torn_line(self._path)
        self._known = {(item.kind, item.key): item for item in read_spool(folder)}

    async def self_test(self) -> None:
        """The spool is readable."""
        read_spool(self._path.parent)

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def invite(self, key: str, phone: str, text: str) -> CallResult:
        """Spool a call and give the next scripted answer; see ``Messaging``."""
        check_text(text)
        calls = sum(1 for kind, _ in self._known if kind == CALL)
        answer = self._answers[calls] if calls < len(self._answers) else Answer.ATTEND
        spooled = self._spool_once(CALL, key, phone, text, answer.value)
        return CallResult(Answer(spooled.answer), spooled.receipt)

    async def sms(self, key: str, phone: str, text: str) -> bytes:
        """Spool a message; see ``Messaging``."""
        check_text(text)
        return self._spool_once(SMS, key, phone, text, "").receipt

    def _spool_once(self, kind: str, key: str, phone: str, text: str, answer: str) -> Spooled:
        # Nothing is awaited between looking and writing: two tasks cannot both be first.
        known = self._known.get((kind, key))
        if known is None:
            fields = {"kind": kind, "key": key, "phone": phone, "text": text, "answer": answer}
            line = json.dumps(fields, ensure_ascii=False).encode()
            append_line(self._path, line)
            known = self._known[kind, key] = _parse(line)
        elif (known.phone, known.text) != (phone, text):
            raise Rejected(
                SYSTEM,
                f"{kind} {key!r} came before with another phone or text. "
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
        receipt=hashlib.sha256(line).digest(),
    )
