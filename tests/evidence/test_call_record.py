"""The gateway's signed record: read, verified, refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.evidence import call_record
from federation.evidence.call_record import MAX_BYTES, CallRecord
from federation.evidence.shape import Misshapen, b64
from federation.trust.envelope import sign_alone
from federation.trust.suite import SUITES, Suite

SUITES_HERE = sorted(SUITES)
PRIVATE = bytes(range(1, 33))
CALL = CallRecord("call", "call_expert:01:02", "13800138000", "您好", 1_000, 61_000, "attend", "31")
SMS = CallRecord("sms", "confirm_expert:01:02", "13800138000", "您好", 1_000, 1_000)


def signed(chosen: Suite, record: CallRecord = CALL) -> bytes:
    return call_record.write(record, chosen.suite_id, chosen.signer(PRIVATE))


@pytest.mark.parametrize("suite_id", SUITES_HERE)
@pytest.mark.parametrize("record", [CALL, SMS, replace(CALL, answer="no_answer", keys="33")])
def test_what_was_signed_is_read_again(suite_id: str, record: CallRecord) -> None:
    chosen = SUITES[suite_id]
    key = chosen.public_signing(PRIVATE)
    assert call_record.check(chosen, key, signed(chosen, record)) == record


@pytest.mark.parametrize("suite_id", SUITES_HERE)
def test_another_key_and_another_suite_do_not_count(suite_id: str) -> None:
    chosen = SUITES[suite_id]
    strange = chosen.public_signing(bytes(range(2, 34)))
    with pytest.raises(Misshapen, match="pinned key"):
        call_record.check(chosen, strange, signed(chosen))
    other = call_record.write(CALL, "other-1", chosen.signer(PRIVATE))
    with pytest.raises(Misshapen, match="pinned key"):
        call_record.check(chosen, chosen.public_signing(PRIVATE), other)


@pytest.mark.parametrize("suite_id", SUITES_HERE)
def test_a_changed_byte_anywhere_is_found(suite_id: str) -> None:
    chosen = SUITES[suite_id]
    key, receipt = chosen.public_signing(PRIVATE), signed(chosen)
    for at in range(len(receipt)):
        changed = receipt[:at] + bytes([receipt[at] ^ 1]) + receipt[at + 1 :]
        with pytest.raises(Misshapen):
            call_record.check(chosen, key, changed)


def doctored(**changes: Any) -> bytes:
    """A record that a gateway signed although it makes no sense."""
    chosen = SUITES["intl-1"]
    fields = json.loads(signed(chosen).split(b"\n")[1])
    fields.update(changes)
    fields = {name: value for name, value in fields.items() if value is not None}
    body = f"{call_record.HEADER}\n{json.dumps(fields)}\n".encode()
    name = call_record.record_type("intl-1")
    signature = b64(sign_alone(name, body, chosen.signer(PRIVATE)))
    return body + f"signature {signature}\n".encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answer": "maybe"}, "neither a call"),
        ({"kind": "letter"}, "neither a call"),
        ({"kind": "sms"}, "neither a call"),
        ({"answer": "decline"}, "not what the keys say"),
        ({"answer": "no_answer"}, "not what the keys say"),
        ({"keys": "x"}, "no telephone has"),
        ({"keys": "3" * 33 + "1"}, "no telephone has"),
        ({"ended_ms": 0}, "ends before"),
        ({"ended_ms": -1}, "whole number"),
        ({"ended_ms": 1.5}, "whole number"),
        ({"phone": None}, "exactly the fields"),
        ({"more": 1}, "exactly the fields"),
    ],
)
def test_a_signed_record_that_makes_no_sense_does_not_count(
    changes: dict[str, Any], words: str
) -> None:
    chosen = SUITES["intl-1"]
    with pytest.raises(Misshapen, match=words):
        call_record.check(chosen, chosen.public_signing(PRIVATE), doctored(**changes))


@given(st.binary(max_size=200))
def test_garbage_is_refused_in_a_sentence(garbage: bytes) -> None:
    with pytest.raises(Misshapen):
        call_record.read(garbage)


def test_a_record_without_a_signature_or_too_large_does_not_count() -> None:
    lines = signed(SUITES["intl-1"]).split(b"\n")
    with pytest.raises(Misshapen, match="not signed"):
        call_record.read(b"\n".join([*lines[:2], b"signed", b""]))
    with pytest.raises(Misshapen, match="more than"):
        call_record.read(bytes(MAX_BYTES + 1))


def test_the_last_of_one_and_two_is_the_answer() -> None:
    chosen = SUITES["intl-1"]
    key = chosen.public_signing(PRIVATE)
    for keys, answer in (("12", "decline"), ("3321", "attend"), ("333", "no_answer")):
        record = replace(CALL, keys=keys, answer=answer)
        assert call_record.check(chosen, key, signed(chosen, record)).answer == answer
