"""The page that people sign by: it says every term, who signed, and nothing runs on it."""

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from typing import Any

import pytest
from typing_extensions import override

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.agreement import AgreementTerms, DocumentSignature, Party
from federation.protocol.booking import SelectionMode
from federation.protocol.terms import (
    Contact,
    DataProtection,
    DrawAnchor,
    Drawer,
    FeeRule,
    Fees,
    FeeSchedule,
    InDoubt,
    Payer,
    Settlement,
    SettlementPeriod,
)
from federation.wire.words import TERMS
from node.services import agreement_page as pages
from node.services.agreement_clauses import clauses, duration, yuan
from node.store.agreements import AgreementRow, By
from tests.protocol.agreed import FROM, HOST, SUB, UNTIL
from tests.protocol.agreed import TERMS as BASE

PAY = FeeSchedule(HOST, 40_000, 240, 10_000, 60, 5_000)
FULL = replace(BASE, fees=Fees(schedules=(PAY, replace(PAY, center_id=SUB, base_fen=60_000))))
KEY = bytes(range(16))
SIGNED = DocumentSignature("intl-1", KEY, bytes(64))

CHANGES: dict[str, Any] = {
    "version": 2,
    "title": "另一份协议",
    "parties": (replace(BASE.parties[0], supervisor="市行政审批局"), BASE.parties[1]),
    "directions": (*BASE.directions, replace(BASE.directions[0], host=SUB, sub=HOST)),
    "effective_from_ms": FROM - 60_000,
    "effective_until_ms": UNTIL + 60_000,
    "project_kinds": ("C",),
    "max_seats_per_session": 123,
    "max_open_bookings": 234,
    "lead_time_ms": 61_000,
    "vote_ms": 62_000,
    "decide_ms": 63_000,
    "draw_anchor": DrawAnchor.BID_DEADLINE,
    "draw_earliest_ms": 64_000,
    "pool_min_age_ms": 65_000,
    "joint_test_valid_days": 66,
    "handover_working_days": 67,
    "suite": "gm-1",
    "sealed_disclosure": False,
    "agreement_no": "赣闽〔2026〕1号",
    "supersedes": bytes(range(32)),
    "specialty_prefixes": ("A08",),
    "value_from_fen": 6_800,
    "value_until_fen": 6_900,
    "selection_modes": (SelectionMode.CHOSEN,),
    "max_experts_per_session": 70,
    "max_concurrent_sessions": 71,
    "max_sessions_per_period": 72,
    "period_days": 73,
    "opens_minute": 74,
    "closes_minute": 1_000,
    "open_weekdays": (1, 2),
    "hold_ms": 75_000,
    "in_doubt": InDoubt.RELEASE,
    "cancel_notice_ms": 76_000,
    "cancel_fee_fen": 7_700,
    "drawn_by": Drawer.HOST,
    "pool_min_ratio": 78,
    "min_outside_contributors": 79,
    "outside_contributors": ("lp1" + "b" * 32,),
    "regulator": "lp1" + "c" * 32,
    "max_draws_per_expert": 80,
    "draw_period_days": 81,
    "fees": Fees(FeeRule.SUB, (), 8_200, Payer.HOST),
    "settlement": Settlement(SettlementPeriod.QUARTERLY, 83),
    "fault_wait_ms": 84_000,
    "fault_repair_ms": 85_000,
    "av_retention_days": 86,
    "data_protection": DataProtection("别的目的", ("别的种类",), 87),
    "dispute_path": ("仲裁",),
    "notice_days": 88,
}
TOGETHER: dict[str, dict[str, Any]] = {
    "min_outside_contributors": {"outside_contributors": ("lp1" + "b" * 32,)},
    "period_days": {"max_sessions_per_period": 72},
    "draw_period_days": {"max_draws_per_expert": 80},
    "version": {"supersedes": bytes(range(32))},
}


def row(terms: AgreementTerms, **changes: Any) -> AgreementRow:
    usual = AgreementRow(
        id=AgreementId(bytes(range(32))),
        conversation=ConversationId(bytes(16)),
        round=0,
        peer=CenterId(SUB),
        document=TERMS.encode(terms),
        proposed=(SIGNED,),
        answered=(replace(SIGNED, key_id=KEY[::-1]),),
        we_proposed=True,
        state="ACTIVE",
        by=By(b"", b"", 0),
        signed_at_ms=FROM,
    )
    return replace(usual, **changes)


def text(terms: AgreementTerms, **changes: Any) -> str:
    return pages.as_text(pages.page_of(row(terms, **changes), HOST, FROM))


def test_every_term_is_tried() -> None:
    assert set(CHANGES) == {field.name for field in fields(AgreementTerms)}


@pytest.mark.parametrize("term", CHANGES)
def test_a_term_that_differs_is_seen_on_the_page(term: str) -> None:
    before = replace(FULL, **TOGETHER.get(term, {}))
    changed = replace(before, **{term: CHANGES[term]})
    assert changed != before
    # The id stays, so that nothing but the terms can tell the two pages apart.
    assert text(before) != text(changed)
    html = [pages.as_html(pages.page_of(row(each), HOST, FROM)) for each in (before, changed)]
    assert html[0] != html[1]


def test_clauses_are_numbered_without_a_gap_and_none_is_empty() -> None:
    made = clauses(FULL)
    assert [clause.number for clause in made] == list(range(1, len(made) + 1))
    assert all(clause.lines and clause.zh and clause.en for clause in made)
    page = text(FULL)
    for clause in made:
        assert f"第{clause.number}条 {clause.zh} · {clause.en}" in page
        for at, line in enumerate(clause.lines, start=1):
            assert f"{clause.number}.{at} {line}" in page


def test_the_page_names_both_parties_signatures_keys_and_the_digest() -> None:
    for page in (text(FULL), pages.as_html(pages.page_of(row(FULL), HOST, FROM))):
        for part in (HOST, SUB, KEY.hex(), KEY[::-1].hex(), bytes(range(32)).hex(), "00" * 64):
            assert part in page
        assert "未签署" not in page


def test_a_missing_signature_is_said() -> None:
    half = {"state": "PROPOSED", "answered": (), "signed_at_ms": None}
    assert text(FULL, **half).count("未签署 · not signed") == 1
    theirs = text(FULL, **half, we_proposed=False)
    assert theirs.index("吉安(") < theirs.index("未签署 · not signed") < theirs.index("长乐(")


class _Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_what_the_other_side_writes_is_text_on_the_page_and_nothing_else() -> None:
    evil = '<script>y()</script>"><img src=x onerror=y()>{{ 7*7 }}'
    party = Party(HOST, evil, evil[:10], "<b>", evil, (Contact(evil[:30], evil, evil[30:]),))
    terms = replace(
        FULL,
        title=evil,
        agreement_no=evil,
        parties=(party, FULL.parties[1]),
        dispute_path=(evil,),
        data_protection=DataProtection(evil, (evil,), 1),
        specialty_prefixes=("<i>",),
    )
    seen, usual = _Tags(), _Tags()
    html = pages.as_html(pages.page_of(row(terms, document=_raw(terms), note=evil), HOST, FROM))
    seen.feed(html)
    usual.feed(pages.as_html(pages.page_of(row(FULL, note="x"), HOST, FROM)))
    assert seen.tags == usual.tags
    assert seen.attributes == usual.attributes
    assert "script" not in seen.tags
    assert not any(name.startswith("on") for name in seen.attributes)
    assert "{{ 7*7 }}" in html  # told, never worked out


def _raw(terms: AgreementTerms) -> bytes:
    return TERMS.encode(terms)


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    html = pages.as_html(pages.page_of(row(FULL), HOST, FROM))
    assert not re.search(r"(?:src|href|url|@import)\s*[=(]", html)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "ACTIVE"),
        ({"state": "DECLINED"}, "DECLINED"),
        ({"suspended_by_peer": True}, "SUSPENDED"),
        ({"suspended_by_us": True}, "SUSPENDED"),
        ({"ends_at_ms": FROM + 1}, "TERMINATING"),
        ({"ends_at_ms": FROM}, "TERMINATED"),
        ({"superseded_by": AgreementId(b"x" * 32), "superseded_from_ms": FROM}, "SUPERSEDED"),
        ({"superseded_by": AgreementId(b"x" * 32), "superseded_from_ms": FROM + 1}, "ACTIVE"),
        ({"suspended_by_us": True, "ends_at_ms": FROM}, "TERMINATED"),
    ],
)
def test_the_page_says_how_the_agreement_stands(changes: dict[str, Any], state: str) -> None:
    assert pages.standing_of(row(FULL, **changes), FROM) == state
    assert pages.STATES[state][0] in text(FULL, **changes)


def test_before_and_after_its_term_an_agreement_is_not_in_force() -> None:
    assert pages.standing_of(row(FULL), FROM - 1) == "NOT_YET"
    assert pages.standing_of(row(FULL), UNTIL) == "ACTIVE"
    assert pages.standing_of(row(FULL), UNTIL + 1) == "EXPIRED"


def test_durations_and_amounts_are_as_people_write_them() -> None:
    assert duration(86_400_000 + 4 * 3_600_000) == "1天4小时"
    assert duration(90_000) == "1分钟30秒"
    assert duration(1) == "1毫秒"
    assert duration(0) == "0分钟"
    assert yuan(40_005) == "400.05元"
