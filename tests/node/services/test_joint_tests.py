"""Joint tests (联调联试) with two whole nodes: sound ones, broken ones, and liars."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from adapters.errors import Unreachable as OutsideUnreachable
from federation.lottery.ranking import commitment
from federation.lottery.rehearsal import rehearsal_pool
from federation.protocol import peering
from federation.protocol.agreement import Direction
from federation.protocol.booking import Answer, Check, Decision
from federation.protocol.conversation import Kind, Word
from federation.protocol.peering import (
    TEST_STEP_MS,
    ConcludeTest,
    ContestTest,
    CountersignTest,
    JointTestReport,
    RehearseCommit,
    RehearseReveal,
    RehearseVote,
    ReportTest,
    StartTest,
)
from federation.transport.certificates import Validity
from federation.transport.line import Seen
from federation.trust.envelope import verify_alone
from federation.trust.keys import Purpose
from federation.trust.suite import GM_1, INTL_1
from federation.wire.reports import REPORT, report_type
from node.domain.tabular import SeatRow
from node.domain.venue import SeatKind
from node.domain.workday import WorkCalendar
from node.services import joint_signing
from node.services.agreements import Agreements
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.joint_checks import GIVE_UP_AFTER, GREETINGS, MAX_SKEW_MS
from node.services.joint_page import page
from node.services.joint_tests import NO_AGREEMENT, TEST_FAILED, JointTests
from node.services.joint_words import transcript
from node.services.peering import Peering
from node.services.pool_announcements import PoolAnnouncements
from node.services.rehearsal_calendar import wish
from node.store import todos, venues
from node.store.joint_tests import JointTestRow, State
from tests.support.joint_line import SeenLine, joint_tests
from tests.support.liar import Liar
from tests.support.pair import DAY_MS, NOON, Center, Furniture, TwoCenters, two_centers

TRACES = {"joint_test", "conversation", "said", "heard", "tally", "log_entry", "log_node", "errand",
          "todo", "checkpoint", "cosigned", "witnessed"}  # fmt: skip
"""What a joint test may leave: itself, its words, their log, and who looks after it."""

FINDINGS = ["rehearsal_booking", "rehearsal_draw", "report"]
NAMES = [
    "name_resolution", "tcp_connect", "tls_pin", "certificates", "descriptor", "clock_skew",
    "round_trip", "loss", "signature_round_trip", "agreement_digest", "suite_self_test",
    "adapter:messaging",
]  # fmt: skip


@dataclass
class Node:
    """One center's services, its line, and an adapter that can be broken."""

    tests: JointTests
    agreements: Agreements
    line: SeenLine
    adapter_works: bool = True


@dataclass
class Office:
    pair: TwoCenters
    nodes: dict[str, Node] = field(default_factory=dict)

    @property
    def host(self) -> Node:
        return self.nodes["host"]

    @property
    def sub(self) -> Node:
        return self.nodes["sub"]

    def of(self, center: Center) -> Node:
        return self.nodes[center.name]

    async def begin(self, center: Center | None = None) -> bytes:
        """Start a test from the host; its id."""
        at = center or self.pair.host
        return await at.do(lambda desk: self.of(at).tests.start(desk, self.pair.other(at).id))

    async def test(self) -> tuple[JointTestRow, JointTestRow]:
        """A whole test from the host, as the host and the sub know it."""
        test = await self.begin()
        await self.pair.settle()
        return await self.row(test), await self.tested()

    async def row(self, test: bytes) -> JointTestRow:
        return await self.pair.host.do(lambda desk: self.host.tests.test(desk, test))

    async def tested(self) -> JointTestRow:
        """The sub's newest test."""
        rows = await self.pair.sub.do(self.sub.tests.tests)
        return rows[0]

    async def until(self, phase: str, center: Center | None = None) -> bytes:
        """Take one step after another until a side's test is in a phase; the conversation.

        Args:
            phase: To stop at.
            center: Whose phase; the sub's if None.
        """
        at = center or self.pair.sub
        for _ in range(20):
            for one in self.pair.centers:
                for step in (
                    one.errands.run_due,
                    partial(one.outbox.deliver, self.pair.other(one).id),
                ):
                    await step()
                    rows = await at.do(self.of(at).tests.tests)
                    if rows and rows[0].phase == phase:
                        assert rows[0].conversation is not None
                        return rows[0].conversation
        raise AssertionError(f"the test never came to {phase}")

    async def passed(self, **changes: int) -> list[bool]:
        """Whether the host and the sub would take a booking under the agreement in force."""
        terms = self.pair.terms(**changes)

        def ask(desk: Desk, at: Center) -> bool:
            agreement, _ = self.of(at).agreements.in_force(desk, self.pair.other(at).id)
            return self.of(at).tests.passed_recently(desk, self.pair.other(at).id, agreement, terms)

        return [await at.do(partial(ask, at=at)) for at in self.pair.centers]

    async def todos(self, center: Center) -> list[str]:
        found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
        return [todo.kind for todo in found]

    async def furnish_seats(self, count: int = 4) -> None:
        def put(desk: Desk) -> None:
            for number in range(count):
                venues.put_seat(
                    desk.ledger.connection,
                    SeatRow(
                        number,
                        "一号楼",
                        "101",
                        f"{number}",
                        SeatKind.WORKSTATION,
                        frozenset(),
                        False,
                    ),
                )

        for center in self.pair.centers:
            await center.do(put)

    async def dump(self, center: Center) -> dict[str, list[Any]]:
        """All tables but those in which a test may leave a trace."""

        def read(connection: sqlite3.Connection) -> dict[str, list[Any]]:
            names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            return {
                name: connection.execute(f"SELECT * FROM {name}").fetchall()
                for (name,) in names.fetchall()
                if name not in TRACES
            }

        return await center.database.read(read)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with furnished() as made:
        yield made


@asynccontextmanager
async def furnished(suites: Sequence[str] = ()) -> AsyncIterator[Office]:
    """Two centers that test, under their preferred suite or these."""
    nodes: dict[str, Node] = {}

    def furnish(center: Center) -> Furniture:
        async def self_test() -> None:
            if not nodes[center.name].adapter_works:
                raise OutsideUnreachable("messaging", "no answer; check the gateway's address")

        agreements, line = Agreements(center.keyring), SeenLine()
        tests = joint_tests(center, agreements, line=line, self_tests=[("messaging", self_test)])
        nodes[center.name] = Node(tests, agreements, line)
        meeting = Peering(
            tests=tests, pools=PoolAnnouncements(cipher=center.cipher, agreements=agreements)
        )
        return Furniture(
            {Kind.AGREEMENT: agreements, Kind.PEERING: meeting}, handlers=meeting.handlers()
        )

    async with two_centers(furnish, suites=suites) as pair:
        made = Office(pair, nodes)
        await made.furnish_seats()
        yield made


def failed(row: JointTestRow) -> list[str]:
    return row.failed


def finding(row: JointTestRow, name: str) -> str:
    (found,) = [check.measured for check in row.findings if check.name == name]
    return found


# Sound nodes


async def test_two_sound_nodes_pass_and_both_hold_one_report_with_both_signatures(
    office: Office,
) -> None:
    await office.pair.agree()
    office.pair.wire.latency_ms = 15
    host, sub = await office.test()
    assert [(row.phase, row.state) for row in (host, sub)] == [("TESTED", State.PASSED)] * 2
    assert [check.name for check in host.ours] == NAMES
    assert (host.ours, host.theirs, host.findings) == (sub.theirs, sub.ours, sub.findings)
    assert [check.name for check in host.findings] == FINDINGS
    assert host.failed == []
    assert host.report == sub.report
    assert (host.our_signature, host.their_signature) == (sub.their_signature, sub.our_signature)
    for center, signature in zip(
        office.pair.centers, (host.our_signature, host.their_signature), strict=True
    ):
        assert host.report is not None
        assert signature is not None
        (key,) = center.identity.descriptor.keys_for(Purpose.MESSAGE, host.suite)
        kind = report_type(host.suite)
        assert verify_alone(center.suite, kind, host.report, key.key, signature)
    measured = {check.name: check.measured for check in host.ours}
    assert measured["round_trip"].startswith("min 30 ms, median 30 ms, max 30 ms of 10")
    assert measured["loss"] == f"0 of {GREETINGS} greetings lost"
    assert measured["tcp_connect"] == "connected in 2 ms"


async def test_under_the_national_suite_all_of_a_test_is_under_it() -> None:
    async with furnished(suites=("gm-1",)) as office:
        agreement = await office.pair.agree()
        tester, tested = await office.test()
        for row in (tester, tested):
            assert (row.state, row.agreement, row.suite) == (State.PASSED, agreement, "gm-1")
            assert row.report is not None
            (suite_check,) = [each for each in row.ours if each.name == "suite_self_test"]
            assert suite_check.measured.startswith("gm-1: ")
        assert tester.report == tested.report
        ours, theirs = tester.our_signature, tester.their_signature
        assert (tested.their_signature, tested.our_signature) == (ours, theirs)
        assert ours is not None
        assert ours != theirs
        message = office.pair.host.identity.descriptor.keys_for(Purpose.MESSAGE, "gm-1")[0]
        kind = report_type("gm-1")
        assert tester.report is not None
        assert verify_alone(GM_1, kind, tester.report, message.key, ours)
        assert not verify_alone(INTL_1, kind, tester.report, message.key, ours)
        assert await office.passed(joint_test_valid_days=30) == [True, True]


async def test_the_report_says_all_that_was_found(office: Office) -> None:
    agreement = await office.pair.agree()
    host, _ = await office.test()
    assert host.report is not None
    report = REPORT.decode(host.report)
    assert report.test_id == host.conversation
    assert (report.tester, report.tested) == (office.pair.host.id, office.pair.sub.id)
    assert report.agreement_digest == report.tested_agreement_digest == agreement
    assert (report.tester_checks, report.tested_checks) == (host.ours, host.theirs)
    assert NOON <= report.started_at_ms <= report.ended_at_ms
    assert report.passed
    assert REPORT.encode(report) == host.report


async def test_a_test_leaves_no_trace_in_calendar_and_pool(office: Office) -> None:
    await office.pair.agree()
    before = [await office.dump(center) for center in office.pair.centers]
    await office.test()
    assert [await office.dump(center) for center in office.pair.centers] == before
    assert "rehearsal_slot" in before[0]
    assert before[0]["rehearsal_slot"] == before[0]["pool_epoch"] == []


async def test_rehearsed_seats_are_held_until_the_tester_decides(office: Office) -> None:
    await office.pair.agree()
    await office.begin()
    await office.until("PROMISED")
    held = await office.pair.sub.sql("SELECT count(*) FROM rehearsal_slot")
    assert held == [(2,)]
    assert await office.pair.sub.sql("SELECT count(*) FROM seat_slot") == [(0,)]
    await office.pair.settle()
    assert await office.pair.sub.sql("SELECT count(*) FROM rehearsal_slot") == [(0,)]


async def test_the_page_is_in_chinese_and_names_every_finding(office: Office) -> None:
    await office.pair.agree()
    office.pair.sub.clock.skew_ms = MAX_SKEW_MS + 1
    host, _ = await office.test()
    text = page(host, office.pair.host.id)
    assert "联调联试报告" in text
    assert "[失败] 时钟偏差" in text
    assert "NTP" in text
    assert "[通过] 抽取演练" in text
    assert host.our_signature is not None
    assert host.our_signature.hex() in text


# What can be out of order, and how it is told


async def test_a_broken_adapter_on_the_tested_side_fails_the_test_on_both(office: Office) -> None:
    await office.pair.agree()
    office.sub.adapter_works = False
    host, sub = await office.test()
    assert [host.passed, sub.passed] == [False, False]
    assert (host.phase, failed(host)) == ("TESTED", ["adapter:messaging"])
    assert failed(sub) == ["adapter:messaging"]
    assert await office.todos(office.pair.host) == [TEST_FAILED]
    assert await office.todos(office.pair.sub) == [TEST_FAILED]


async def test_a_passed_test_closes_what_a_failed_one_left_to_do(office: Office) -> None:
    await office.pair.agree()
    office.sub.adapter_works = False
    await office.test()
    office.sub.adapter_works = True
    office.pair.watch.pass_ms(1)
    await office.test()
    assert await office.todos(office.pair.host) == []
    assert await office.todos(office.pair.sub) == []


async def test_a_clock_that_warns_is_found_by_both_sides(office: Office) -> None:
    await office.pair.agree()
    office.pair.sub.clock.skew_ms = MAX_SKEW_MS + 1
    host, sub = await office.test()
    assert failed(host) == failed(sub) == ["clock_skew"]
    assert host.state is sub.state is State.FAILED


async def test_the_greatest_tolerated_skew_passes(office: Office) -> None:
    await office.pair.agree()
    office.pair.sub.clock.skew_ms = -MAX_SKEW_MS
    host, _ = await office.test()
    assert host.passed is True


@pytest.mark.parametrize("minutes", [10, -10])
async def test_a_clock_ten_minutes_off_ends_the_test_with_that_finding(
    office: Office, minutes: int
) -> None:
    await office.pair.agree()
    office.pair.sub.clock.skew_ms = minutes * 60_000
    test = await office.begin()
    await office.pair.settle()
    row = await office.row(test)
    assert (row.state, row.phase) == (State.FAILED, "MEASURING")
    assert failed(row) == ["clock_skew", "ended", "loss", "signature_round_trip"]
    (clock,) = [check.measured for check in row.ours if check.name == "clock_skew"]
    assert clock.startswith(f"the peer's clock differs from ours by {minutes:+d} min 0 s")
    assert await office.pair.host.sql("SELECT count(*) FROM said") == [(0,)]
    assert await office.todos(office.pair.host) == [TEST_FAILED]


async def test_a_slow_line_fails_the_test(office: Office) -> None:
    await office.pair.agree()
    office.pair.wire.latency_ms = 2_501
    host, _ = await office.test()
    assert failed(host) == ["round_trip"]


async def test_a_peer_that_is_away_is_told_at_once(office: Office) -> None:
    await office.pair.agree()
    office.pair.cut()
    test = await office.begin()
    await office.pair.settle()
    row = await office.row(test)
    assert row.passed is False
    assert failed(row) == ["ended", "loss", "signature_round_trip"]
    (loss,) = [check.measured for check in row.ours if check.name == "loss"]
    assert loss.startswith(f"{GIVE_UP_AFTER} of {GIVE_UP_AFTER} greetings lost: the request was")


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        ("name_resolution", ["name_resolution"]),
        ("tcp_connect", ["name_resolution", "tcp_connect"]),
    ],
)
async def test_a_line_that_breaks_early_is_named_and_nothing_is_greeted(
    office: Office, layer: str, names: list[str]
) -> None:
    await office.pair.agree()
    office.host.line.seen = Seen(failed_at=layer, error="OSError: no such thing")
    test = await office.begin()
    await office.pair.settle()
    row = await office.row(test)
    assert failed(row) == sorted(["ended", layer])
    assert [check.name for check in row.ours][: len(names)] == names
    assert office.pair.sub.listener.skews == []


async def test_a_certificate_that_expired_yesterday_is_named(office: Office) -> None:
    await office.pair.agree()
    yesterday = Validity(NOON - 365 * DAY_MS, NOON - DAY_MS)
    office.host.line.validities[office.pair.sub.certificate] = yesterday
    host, _ = await office.test()
    (dates,) = [check for check in host.ours if check.name == "certificates"]
    assert not dates.passed
    assert dates.measured.endswith("the peer's expired at 2026-05-05 12:00 +08:00")


async def test_a_certificate_of_our_own_that_is_not_valid_yet_is_named(office: Office) -> None:
    await office.pair.agree()
    tomorrow = Validity(NOON + DAY_MS, NOON + 365 * DAY_MS)
    office.host.line.validities[office.pair.host.certificate] = tomorrow
    host, _ = await office.test()
    (dates,) = [check for check in host.ours if check.name == "certificates"]
    assert not dates.passed
    assert dates.measured.startswith("ours is valid only from 2026-05-07 12:00 +08:00")


async def test_another_certificate_than_the_pinned_one_is_named(office: Office) -> None:
    await office.pair.agree()
    office.host.line.shown = b"somebody else's"
    host, _ = await office.test()
    assert failed(host) == ["tls_pin"]


async def test_a_descriptor_that_is_not_the_pinned_one_is_found(office: Office) -> None:
    await office.pair.agree()
    stale = replace(office.pair.sub.identity.descriptor, name="the old name")
    # Only the host's pin is stale; what comes from the sub is let in by a wire without TLS.
    office.pair.host.keyring._by_center[office.pair.sub.id] = stale
    host, _ = await office.test()
    assert failed(host) == ["descriptor"]


async def test_centers_that_hold_different_agreements_fail(office: Office) -> None:
    agreement = await office.pair.agree()

    def none(desk: Desk, peer: str) -> None:
        raise NotFound("没有", f"none with {peer} at {desk.now_ms}")

    office.sub.agreements.in_force = none  # type: ignore[method-assign,assignment]
    host, sub = await office.test()
    assert [host.passed, sub.passed] == [False, False]
    assert host.agreement == sub.their_agreement == agreement
    assert sub.agreement == host.their_agreement == NO_AGREEMENT
    assert failed(host) == ["agreement_digest"]
    assert host.report is not None
    assert REPORT.decode(host.report).tested_agreement_digest == NO_AGREEMENT


async def test_without_an_agreement_there_is_nothing_to_test(office: Office) -> None:
    with pytest.raises(NotFound):
        await office.begin()


async def test_a_sub_without_seats_declines_the_rehearsal(office: Office) -> None:
    await office.pair.agree()
    await office.pair.sub.do(
        lambda desk: desk.ledger.connection.execute("DELETE FROM seat").rowcount
    )
    host, _ = await office.test()
    assert failed(host) == ["rehearsal_booking"]
    assert finding(host, "rehearsal_booking") == "declined: no venue has 1 such seats free then"


async def test_seats_that_are_booked_then_are_not_free_for_a_rehearsal(office: Office) -> None:
    await office.pair.agree()
    hold = wish(NOON, WorkCalendar())

    def fill(desk: Desk) -> None:
        connection = desk.ledger.connection
        for (seat,) in connection.execute("SELECT id FROM seat").fetchall():
            connection.execute(
                "INSERT INTO seat_slot VALUES (?, ?, ?)", (seat, hold.start_ms // 1_800_000, b"x")
            )

    await office.pair.sub.do(fill)
    host, _ = await office.test()
    assert failed(host) == ["rehearsal_booking"]


async def test_a_center_that_is_never_sub_rehearses_with_seats_of_its_own_making(
    office: Office,
) -> None:
    ids = office.pair.sub.id, office.pair.host.id
    await office.pair.agree(directions=(Direction(*ids),))
    await office.pair.sub.do(
        lambda desk: desk.ledger.connection.execute("DELETE FROM seat").rowcount
    )
    host, _ = await office.test()
    assert host.passed is True


# Silence, crashes, crossings


@pytest.mark.parametrize("phase", ["TESTING", "HELD", "DECIDED", "COMMITTED", "CONCLUDED"])
async def test_a_tested_side_that_goes_silent_fails_the_test(office: Office, phase: str) -> None:
    await office.pair.agree()
    await office.begin()
    await office.until(phase, office.pair.host)
    office.pair.cut()
    await office.pair.later(TEST_STEP_MS)
    rows = await office.pair.host.do(office.host.tests.tests)
    assert (rows[0].phase, rows[0].state) == ("LAPSED", State.FAILED)
    assert finding(rows[0], "ended") == f"no answer while {phase}"
    assert await office.todos(office.pair.host) == [TEST_FAILED]


@pytest.mark.parametrize("phase", ["REPORTED", "PROMISED", "HALF", "REVEALED"])
async def test_a_tester_that_goes_silent_fails_the_test_and_its_seats_are_free_again(
    office: Office, phase: str
) -> None:
    await office.pair.agree()
    await office.begin()
    await office.until(phase)
    office.pair.cut()
    await office.pair.later(TEST_STEP_MS)
    sub = await office.tested()
    assert (sub.phase, sub.state) == ("LAPSED", State.FAILED)
    assert finding(sub, "ended") == f"no answer while {phase}"
    assert await office.pair.sub.sql("SELECT count(*) FROM rehearsal_slot") == [(0,)]


async def test_after_a_silence_both_sides_end_and_may_test_again(office: Office) -> None:
    await office.pair.agree()
    await office.begin()
    await office.until("PROMISED")
    office.pair.cut()
    await office.pair.later(TEST_STEP_MS)
    office.pair.restore()
    await office.pair.later(1)
    await office.pair.later(TEST_STEP_MS)
    host, sub = await office.test()
    assert host.state is sub.state is State.PASSED


async def test_a_signature_that_comes_late_makes_the_test_pass_on_both_sides(
    office: Office,
) -> None:
    await office.pair.agree()
    test = await office.begin()
    await office.until("CONCLUDED", office.pair.host)
    office.pair.wire.replies_lost = True
    await office.pair.host.outbox.deliver(office.pair.sub.id)
    assert (await office.tested()).state is State.PASSED
    office.pair.cut()
    await office.pair.later(TEST_STEP_MS)
    assert (await office.row(test)).state is State.FAILED
    office.pair.restore()
    await office.pair.settle()
    row = await office.row(test)
    assert (row.phase, row.state) == ("TESTED", State.PASSED)
    assert await office.todos(office.pair.host) == []


async def test_a_node_killed_while_measuring_measures_again(office: Office) -> None:
    await office.pair.agree()
    test = await office.begin()
    row = await office.row(test)
    assert (row.phase, row.state, row.ours) == ("MEASURING", State.RUNNING, ())
    # Nothing of a test is in memory: what another process would find is what is stored.
    assert await office.pair.host.sql("SELECT kind FROM errand WHERE done_at_ms IS NULL") == [
        ("joint_test_measure",)
    ]
    await office.pair.settle()
    assert (await office.row(test)).state is State.PASSED


async def test_one_test_at_a_time(office: Office) -> None:
    agreement = await office.pair.agree()
    test = await office.begin()
    with pytest.raises(Conflicting, match="under way"):
        await office.begin()
    talk = await office.until("TESTING")
    second = StartTest(agreement, (Check("round_trip", passed=True, measured=""),))
    receipt = await Liar(office.pair.host, office.pair.sub).tell(bytes(range(16)), second)
    assert receipt.reason == "CONFLICT"
    assert await office.pair.sub.phase(talk) == "TESTING"
    assert (await office.row(test)).state is State.RUNNING


async def test_of_two_that_begin_at_once_one_goes_on_and_counts_on_both_sides(
    office: Office,
) -> None:
    await office.pair.agree()
    for center in office.pair.centers:
        await office.begin(center)
    for center in office.pair.centers:
        await center.errands.run_due()  # both have said their first word, neither has heard one
    await office.pair.settle()
    rows = [await at.do(office.of(at).tests.tests) for at in office.pair.centers]
    first = min(office.pair.centers, key=lambda at: at.id)
    for at, known in zip(office.pair.centers, rows, strict=True):
        (counts,) = [row for row in known if row.state is not State.SUPERSEDED]
        assert (counts.state, counts.tester) == (State.PASSED, at is first)
    assert {row.state for known in rows for row in known} == {State.PASSED, State.SUPERSEDED}
    assert await office.passed(joint_test_valid_days=30) == [True, True]


# What a test is good for


async def test_a_passed_test_counts_for_the_agreed_days_only(office: Office) -> None:
    await office.pair.agree()
    assert await office.passed(joint_test_valid_days=30) == [False, False]
    assert await office.passed(joint_test_valid_days=0) == [True, True]
    await office.test()
    assert await office.passed(joint_test_valid_days=30) == [True, True]
    office.pair.watch.pass_ms(30 * DAY_MS)
    assert await office.passed(joint_test_valid_days=30) == [True, True]
    office.pair.watch.pass_ms(1)
    assert await office.passed(joint_test_valid_days=30) == [False, False]


async def test_a_failed_test_takes_the_place_of_a_passed_one(office: Office) -> None:
    await office.pair.agree()
    await office.test()
    office.sub.adapter_works = False
    office.pair.watch.pass_ms(1)
    await office.test()
    assert await office.passed(joint_test_valid_days=30) == [False, False]


# Liars. The sub's words are made up with the sub's own keys, and its node says nothing.


class LyingSub:
    """Plays the tested side by hand against the host's node."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.liar = Liar(office.pair.sub, office.pair.host)
        self.value = bytes(range(32))
        self.test = b""

    async def asked(self) -> tuple[bytes, bytes]:
        """Let the host begin; the conversation, and the agreement."""
        agreement = await self.office.pair.agree()
        self.test = await self.office.begin()
        await self.office.pair.host.errands.run_due()
        talk = (await self.office.row(self.test)).conversation
        assert talk is not None
        return talk, agreement

    async def play(self, **changed: Word) -> JointTestRow:
        """Say every word of the tested side, some of them changed; the host's row."""
        host, sub = self.office.pair.host, self.office.pair.sub
        talk, agreement = await self.asked()
        test = self.test
        spoken = await host.do(
            lambda desk: transcript(desk, self.office.host.tests.test(desk, test))
        )
        digests = host.suite
        opened = spoken.open_hash(digests)
        honest: dict[str, Word] = {
            "report": ReportTest(agreement, (Check("loss", passed=True, measured="0"),)),
            "vote": RehearseVote(Answer.YES),
            "commit": RehearseCommit(
                rehearsal_pool(digests, opened).root,
                commitment(digests, opened, sub.id, self.value),
            ),
            "reveal": RehearseReveal(self.value),
        }
        for name, word in (honest | changed).items():
            if name in honest:
                receipt = await self.liar.tell(talk, word)
                assert not receipt.reason, receipt
        row = await self.office.row(test)
        assert row.report is not None
        last = changed.get("sign") or CountersignTest(
            joint_signing.sign(
                sub.identity, self.office.pair.host.id, sub.suite, row.report, sub.clock.now_ms()
            )
        )
        receipt = await self.liar.tell(talk, last)
        assert not receipt.reason, receipt
        return await self.office.row(test)


async def test_an_honest_side_played_by_hand_passes(office: Office) -> None:
    row = await LyingSub(office).play()
    assert row.state is State.PASSED


async def test_a_signature_by_a_wrong_key_does_not_count(office: Office) -> None:
    wrong = CountersignTest(bytes(64))
    row = await LyingSub(office).play(sign=wrong)
    assert (row.state, row.phase) == (State.FAILED, "TESTED")
    assert finding(row, "report") == "the peer's signature is not by its message key"


async def test_checks_that_would_not_fit_a_report_are_refused(office: Office) -> None:
    """Else the report could not be said, and nobody would know why the test broke off."""
    sub = LyingSub(office)
    talk, agreement = await sub.asked()
    checks = tuple(Check(f"check {at}", passed=True, measured="慢" * 900) for at in range(64))
    receipt = await sub.liar.tell(talk, ReportTest(agreement, checks))
    assert (receipt.reason, receipt.detail[:7]) == ("MALFORMED", "checks:")

    lying_host = Liar(office.pair.host, office.pair.sub)
    receipt = await lying_host.tell(bytes(range(16)), StartTest(agreement, checks))
    assert (receipt.reason, receipt.detail[:7]) == ("MALFORMED", "checks:")


async def test_a_value_that_does_not_open_its_commitment_is_found(office: Office) -> None:
    row = await LyingSub(office).play(reveal=RehearseReveal(bytes(32)))
    assert failed(row) == ["rehearsal_draw"]
    assert finding(row, "rehearsal_draw") == (
        f"the value of {office.pair.sub.id} does not open its commitment"
    )


async def test_another_pool_is_found(office: Office) -> None:
    row = await LyingSub(office).play(commit=RehearseCommit(bytes(32), bytes(32)))
    assert "built another rehearsal pool" in finding(row, "rehearsal_draw")


async def test_a_report_that_is_contested_fails_and_both_are_kept(office: Office) -> None:
    sub = office.pair.sub
    signed = joint_signing.sign(sub.identity, office.pair.host.id, sub.suite, b"another", NOON)
    word = ContestTest("the order is another", b"another", signed)
    row = await LyingSub(office).play(sign=word)
    assert (row.state, row.phase) == (State.FAILED, "CONTESTED")
    assert row.contested == b"another"
    assert row.report not in {None, b"another"}
    assert finding(row, "report") == "contested by the peer: the order is another"


async def test_a_tested_side_that_tells_of_a_failure_fails_the_test(office: Office) -> None:
    agreement = bytes(31) + b"\x01"
    checks = (Check("loss", passed=True, measured="0"),)
    row = await LyingSub(office).play(report=ReportTest(agreement, checks))
    assert row.state is State.FAILED
    assert row.their_agreement == agreement


async def _play_tester(
    office: Office, change: Callable[[ConcludeTest, JointTestReport], ConcludeTest]
) -> JointTestRow:
    """Let the host's node come to its conclusion, and tell the sub a changed one."""
    await office.pair.agree()
    test = await office.begin()
    talk = await office.until("CONCLUDED", office.pair.host)
    spoken = await office.pair.host.do(
        lambda desk: transcript(desk, office.host.tests.test(desk, test))
    )
    (said,) = [each.word for each in spoken.words if isinstance(each.word, ConcludeTest)]
    lie = change(said, REPORT.decode(said.document))
    receipt = await Liar(office.pair.host, office.pair.sub).tell(talk, lie)
    assert not receipt.reason, receipt
    return await office.tested()


def _signed(office: Office, said: ConcludeTest, report: JointTestReport) -> ConcludeTest:
    document = REPORT.encode(report)
    host = office.pair.host
    signature = joint_signing.sign(host.identity, office.pair.sub.id, host.suite, document, NOON)
    return replace(said, document=document, signature=signature)


async def test_an_order_that_differs_is_contested(office: Office) -> None:
    def another_order(said: ConcludeTest, report: JointTestReport) -> ConcludeTest:
        booking, draw = report.rehearsals
        lied = replace(draw, measured=f"order {bytes(32).hex()}")
        return _signed(office, said, replace(report, rehearsals=(booking, lied)))

    row = await _play_tester(office, another_order)
    assert (row.phase, row.state) == ("CONTESTED", State.FAILED)
    assert "rehearsals is" in finding(row, "report")
    assert row.contested is not None
    assert row.contested != row.report


async def test_another_report_is_contested_field_by_field(office: Office) -> None:
    def another(said: ConcludeTest, report: JointTestReport) -> ConcludeTest:
        return _signed(office, said, replace(report, tester_checks=report.tester_checks[:1]))

    row = await _play_tester(office, another)
    assert "tester_checks is 1 checks" in finding(row, "report")


async def test_a_tester_whose_value_does_not_open_is_contested(office: Office) -> None:
    row = await _play_tester(office, lambda said, _: replace(said, value=bytes(32)))
    assert (row.phase, row.state) == ("CONTESTED", State.FAILED)
    assert "passed is True, not False" in finding(row, "report")


async def test_a_report_that_is_none_is_contested(office: Office) -> None:
    row = await _play_tester(office, lambda said, _: replace(said, document=b"\xff"))
    assert "the signature is not by the tester's message key" in finding(row, "report")
    assert "the report cannot be read" in finding(row, "report")


async def test_a_word_of_no_test_is_out_of_turn(office: Office) -> None:
    await office.pair.agree()
    liar = Liar(office.pair.sub, office.pair.host)
    receipt = await liar.tell(bytes(16), CountersignTest(bytes(64)))
    assert receipt.reason in {"OUT_OF_TURN", "MALFORMED"}


async def test_a_rehearsal_that_asks_for_nonsense_is_declined(office: Office) -> None:
    agreement = await office.pair.agree()
    liar = Liar(office.pair.host, office.pair.sub)
    talk = bytes(range(16))
    await liar.tell(talk, StartTest(agreement, (Check("loss", passed=True, measured="0"),)))
    await office.pair.sub.errands.run_due()
    past = peering.RehearseHold(1, 2, seats=1, equipment=(), overnight=False)
    assert not (await liar.tell(talk, past)).reason
    assert await office.pair.sub.phase(talk) == "PROMISED"
    assert await office.pair.sub.sql("SELECT count(*) FROM rehearsal_slot") == [(0,)]
    assert not (await liar.tell(talk, peering.RehearseDecide(Decision.ABORT))).reason
