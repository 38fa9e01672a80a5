"""What a receipt came to, in both languages and for programs."""

import json

from federation.evidence.call_record import CallRecord
from federation.evidence.receipt_verdict import (
    RESPONSE_ZH,
    InPool,
    Invited,
    ReceiptVerdict,
    Told,
)
from federation.protocol.draw import Response

PEER = "lp1" + "b" * 32
RECORD = CallRecord("call", "k", "13800138000", "text", 0, 60_000, "no_answer", "33")
POOL = InPool("intl-1", "experts", "e", 0, 1, bytes(32), {"A08": 40}, "capped", {PEER: 0})
VERDICT = ReceiptVerdict(
    maker="lp1" + "a" * 32,
    name="长乐",
    uid="FJ-0001",
    made_ms=0,
    pools=(POOL,),
    invited=(Invited("ab" * 16, 0, (Told(Response.NO_ANSWER, 0, PEER, RECORD),)),),
)


def test_every_response_has_its_word() -> None:
    assert set(RESPONSE_ZH) == set(Response)


def test_people_read_what_was_recorded_and_the_record_behind_it() -> None:
    zh, en = VERDICT.summary("zh"), VERDICT.summary("en")
    assert "未应答" in zh
    assert "按键 33" in zh
    assert "抽取次数已满" in zh
    assert "NO_ANSWER (the gateway: called …8000 1970-01-01 08:00:00, keys: 33)" in en
    assert "呼叫尾号 8000" in zh
    assert "13800138000" not in zh + en


def test_programs_get_the_same_and_no_telephone() -> None:
    document = json.dumps(VERDICT.document())
    assert '"keys": "33"' in document
    assert "13800138000" not in document


def test_not_in_the_pool_and_still_calling_are_said_so() -> None:
    out = InPool("intl-1", "experts", "e", 0, 1, bytes(32), {}, "", {})
    waiting = Invited("ab" * 16, 0, ())
    found = ReceiptVerdict("lp1", "长乐", "FJ-0001", 0, (out,), (waiting,))
    assert "不在库" in found.summary("zh")
    assert "尚无结果" in found.summary("zh")
    assert "not in it" in found.summary("en")
    assert "nothing reported yet" in found.summary("en")
    assert found.document()["pools"][0]["in_pool"] is False
