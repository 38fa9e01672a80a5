"""A telephone gateway's keys and records, for telephones that a test plays."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adapters.messaging.port import Answer, CallResult
from federation.evidence import call_record
from federation.evidence.call_record import CallRecord
from federation.trust.keys import Purpose
from federation.trust.suite import SUITES
from tests.support.pair import NOON
from tests.support.secret_keys import public_half, signer

PRESSED: Final = {Answer.ATTEND: "1", Answer.DECLINE: "32", Answer.NO_ANSWER: ""}
USUAL: Final = CallRecord("call", "key", "13800138000", "text", NOON, NOON + 60_000, "attend", "1")


class Gateway:
    """Signs records with keys of its own.

    Args:
        private: The same bytes for the keys of all suites.
    """

    def __init__(self, private: bytes = bytes(range(1, 33))) -> None:
        self._private = private

    def receipt_key(self, suite: str) -> bytes:
        return public_half(SUITES[suite], Purpose.MESSAGE, self._private)

    @property
    def receipt_keys(self) -> Mapping[str, bytes]:
        """The keys of all suites."""
        return {suite: self.receipt_key(suite) for suite in SUITES}

    def signed(self, suite: str, record: CallRecord) -> bytes:
        if not suite:
            return b"no signature was asked for"
        return call_record.write(record, suite, signer(SUITES[suite], self._private))

    def called(self, suite: str, key: str, phone: str, text: str, answer: Answer) -> CallResult:
        keys = PRESSED[answer]
        record = replace(USUAL, key=key, phone=phone, text=text, answer=answer.value, keys=keys)
        return CallResult(answer, self.signed(suite, record), keys)

    def sent(self, suite: str, key: str, phone: str, text: str) -> bytes:
        record = replace(USUAL, kind="sms", key=key, phone=phone, text=text, answer="", keys="")
        return self.signed(suite, record)


GATEWAY: Final = Gateway()
