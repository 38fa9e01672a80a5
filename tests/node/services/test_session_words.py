"""What a center refuses to hear in a session, however the other side came to say it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from federation.protocol.conversation import Word
from federation.protocol.session import (
    EVALUATION_MS,
    ArchiveItem,
    Ballot,
    CheckIn,
    Convene,
    Elect,
    Finish,
    HandOver,
    Ready,
    Receive,
    SignReport,
    Start,
)
from node.services.errors import Conflicting
from node.store import sessions
from node.store.sessions import SessionRow
from tests.node.services.session_stage import (
    END_MS,
    LOT_CODE,
    PROJECT_NAME,
    START_MS,
    Side,
    Stage,
    booked_stage,
)
from tests.support.pair import HOUR_MS


async def refusal(stage: Stage, speaker: Side, word: Word) -> str:
    """Say a word past the use cases; answers the peer's refusal, '' if it was accepted."""
    listener = stage.host if speaker is stage.sub else stage.sub
    before = len(listener.center.listener.receipts)
    await speaker.center.do(lambda desk: desk.say(stage.session, word))  # type: ignore[arg-type]
    await stage.pair.settle()
    receipts = [receipt for _, receipt in listener.center.listener.receipts[before:]]
    assert receipts, "the word was answered"
    return next((one.detail for one in receipts if one.outcome.name == "REFUSED"), "")


async def row_of(side: Side, session: bytes) -> SessionRow:
    found = await side.center.do(lambda desk: sessions.get(desk.ledger.connection, session))
    assert found is not None
    return found


async def convene_with(stage: Stage, change: Callable[[Convene], Convene]) -> str:
    """Convene properly in one transaction, and say it otherwise in the next."""
    await stage.convene()
    right = (await row_of(stage.host, stage.session)).convene
    agreement = (await row_of(stage.host, stage.session)).agreement
    # The proper session is forgotten on the sub's side, as if it had never been called.
    await stage.sub.center.do(
        lambda desk: [
            desk.ledger.connection.execute(f"DELETE FROM {table}").rowcount
            for table in ("member", "session")
        ]
    )
    before = len(stage.sub.center.listener.receipts)
    await stage.host.center.do(
        lambda desk: desk.open(stage.sub.center.id, agreement, change(right))
    )
    await stage.pair.settle()
    receipts = [receipt for _, receipt in stage.sub.center.listener.receipts[before:]]
    return next((one.detail for one in receipts if one.outcome.name == "REFUSED"), "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda word: word, ""),
        (lambda word: replace(word, booking_id=bytes(16)), "no booking"),
        (lambda word: replace(word, end_ms=END_MS + HOUR_MS), "window"),
        (lambda word: replace(word, start_ms=START_MS - 1), "window"),
        (lambda word: replace(word, draw_ids=word.draw_ids[:1]), "draw_ids"),
        (lambda word: replace(word, sub_experts=2), "sub_experts is 2, but 3"),
    ],
)
async def test_a_call_fits_the_booking_and_the_draws(
    tmp_path: Path, change: Callable[[Convene], Convene], says: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        answer = await convene_with(stage, change)
        assert says in answer
        assert bool(says) is bool(answer)


async def test_an_evaluation_that_runs_is_not_called_again(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        with pytest.raises(Conflicting, match="already"):
            await stage.host.center.do(
                lambda desk: stage.host.sessions.convene(desk, stage.project, "s", anew=True)
            )
        row = await row_of(stage.host, stage.session)
        before = len(stage.sub.center.listener.receipts)
        await stage.host.center.do(
            lambda desk: desk.open(stage.sub.center.id, row.agreement, row.convene)
        )
        await stage.pair.settle()
        (_, receipt) = stage.sub.center.listener.receipts[before]
        assert "has a session already" in receipt.detail


@pytest.mark.parametrize(
    ("member", "at_ms", "says"),
    [
        (bytes(32), START_MS, "no list"),
        (bytes([1, 0]) * 16, START_MS, "no list"),  # one of the host's own
        (bytes([2, 0]) * 16, START_MS - 2 * HOUR_MS - 1, "not open yet"),
        (bytes([2, 0]) * 16, END_MS, "ended"),
        (bytes([2, 0]) * 16, START_MS + 1, "sent_at_ms"),
        (bytes([2, 0]) * 16, START_MS, ""),
    ],
)
async def test_the_host_lets_only_drawn_experts_in(
    tmp_path: Path, member: bytes, at_ms: int, says: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        stage.pair.watch.now_ms = START_MS
        answer = await refusal(stage, stage.sub, CheckIn(member, at_ms))
        assert says in answer
        assert bool(says) is bool(answer)


async def test_a_site_is_ready_only_with_all_its_experts(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        assert "0 checked in" in await refusal(stage, stage.sub, Ready(3))
        # Whose word was refused is at the end; the other side still waits.
        assert await stage.sub.phase(stage.session) == "REFUSED"
        assert await stage.host.phase(stage.session) == "CONVENED"
        assert "session_refused" in await stage.sub.todos()
        await call_anew(stage)
        await finish_from_the_start(stage)


async def call_anew(stage: Stage) -> None:
    (stage.session,) = await stage.host.center.do(
        lambda desk: stage.host.sessions.convene(desk, stage.project, "staff-1", anew=True)
    )
    await stage.pair.settle()
    assert await stage.phases() == {"CONVENED"}


async def finish_from_the_start(stage: Stage) -> None:
    stage.pair.watch.now_ms = START_MS
    for side in stage.sides:
        await stage.check_in(side)
    await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
    await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
    assert await stage.phases() == {"RUNNING"}


async def test_a_refused_start_is_called_anew(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        word = Start(LOT_CODE, PROJECT_NAME, tuple(everybody(stage)))
        assert await refusal(stage, stage.host, word)
        stuck = stage.session
        assert [await side.phase(stuck) for side in stage.sides] == ["REFUSED", "READY"]
        await call_anew(stage)
        assert await stage.sub.members(stuck) == []
        with pytest.raises(Conflicting, match="called anew"):
            await stage.sub.center.do(lambda desk: stage.sub.sessions.ready(desk, stuck, "staff-2"))
        await finish_from_the_start(stage)


async def test_a_word_in_a_session_that_was_called_anew_is_refused(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        stuck = await stage.convene()
        await call_anew(stage)
        stage.pair.watch.now_ms = START_MS
        stage.session, new = stuck, stage.session
        member = bytes([2, 0]) * 16
        assert "called anew" in await refusal(stage, stage.sub, CheckIn(member, START_MS))
        stage.session = new
        await finish_from_the_start(stage)


def everybody(stage: Stage) -> list[bytes]:
    """The codes of the experts; the two representatives are known to the host."""
    return sorted(one.entry for one in stage.host.lists.drawn)


REPS = [bytes([9, at]) * 16 for at in range(4)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda codes: sorted(codes + REPS[:2]), ""),
        (lambda codes: sorted(codes + REPS[:2])[::-1], "ascending"),
        (lambda codes: sorted([*codes, *REPS[:2], REPS[0]]), "ascending"),
        (lambda codes: sorted(codes[1:] + REPS[:3]), "not among the members"),
        (lambda codes: sorted(codes + REPS[:1]), "招标投标法第三十七条"),  # six: even
    ],
)
async def test_the_sub_starts_only_with_a_lawful_committee(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        word = Start(LOT_CODE, PROJECT_NAME, tuple(change(everybody(stage))))
        answer = await refusal(stage, stage.host, word)
        assert says in answer
        assert bool(says) is bool(answer)
        assert stage.sub.lists.closed == []


async def test_the_sub_does_not_start_before_the_window(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        stage.pair.watch.now_ms = START_MS - HOUR_MS
        await stage.check_in(stage.sub)
        await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        word = Start(LOT_CODE, PROJECT_NAME, tuple(sorted(everybody(stage) + REPS[:2])))
        assert "before its window" in await refusal(stage, stage.host, word)


async def test_a_start_that_was_said_in_time_may_arrive_late(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        stage.pair.cut()
        await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        stage.pair.watch.now_ms = END_MS + HOUR_MS
        stage.pair.restore()
        await stage.pair.settle()
        assert await stage.phases() == {"RUNNING"}


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (Ballot(bytes([1, 0]) * 16, bytes([1, 0]) * 16), "voter"),
        (Ballot(bytes([2, 0]) * 16, bytes(32)), "candidate"),
        (Ballot(bytes([2, 0]) * 16, bytes([1, 0]) * 16), ""),
    ],
)
async def test_the_host_counts_votes_of_the_subs_experts_only(
    tmp_path: Path, word: Ballot, says: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        answer = await refusal(stage, stage.sub, word)
        assert says in answer
        assert bool(says) is bool(answer)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (Elect(bytes(32), 4, 7), "chair"),
        (Elect(bytes([2, 0]) * 16, 4, 6), "cast"),
        (Elect(bytes([2, 0]) * 16, 8, 7), "cast"),
        (Elect(bytes([2, 0]) * 16, 0, 7), "cast"),
        (Elect(bytes([2, 0]) * 16, 4, 7), ""),
    ],
)
async def test_the_sub_takes_a_chair_elected_by_all(tmp_path: Path, word: Elect, says: str) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        await stage.vote(lambda _member: bytes([2, 0]) * 16)
        answer = await refusal(stage, stage.host, word)
        assert says in answer
        assert bool(says) is bool(answer)


async def test_the_sub_takes_no_chair_before_its_own_experts_have_voted(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        answer = await refusal(stage, stage.host, Elect(bytes([2, 0]) * 16, 4, 7))
        assert "have voted" in answer


@pytest.mark.parametrize(
    ("member", "of_another_report", "says"),
    [
        (bytes([2, 0]) * 16, False, ""),
        (bytes([2, 0]) * 16, True, "another report"),
        (bytes([1, 0]) * 16, False, "signer"),
    ],
)
async def test_the_host_takes_signatures_of_this_report_only(
    tmp_path: Path, member: bytes, of_another_report: bool, says: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented()
        digest = (await row_of(stage.sub, stage.session)).report_digest
        assert digest is not None
        word = SignReport(member, bytes(32) if of_another_report else digest, bytes(32))
        answer = await refusal(stage, stage.sub, word)
        assert says in answer
        assert bool(says) is bool(answer)
        if not says:
            assert "signed already" in await refusal(stage, stage.sub, word)


@pytest.mark.parametrize(
    ("signed", "signatures", "says"), [(True, 7, ""), (True, 6, "6 signatures"), (False, 7, "ours")]
)
async def test_the_sub_knows_when_all_have_signed(
    tmp_path: Path, signed: bool, signatures: int, says: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented()
        if signed:
            await stage.sign(stage.sub)
        digest = (await row_of(stage.sub, stage.session)).report_digest
        assert digest is not None
        answer = await refusal(stage, stage.host, Finish(digest, signatures))
        assert says in answer
        assert bool(says) is bool(answer)


async def test_the_report_that_is_finished_is_the_one_presented(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented()
        await stage.sign(stage.sub)
        assert "not the one" in await refusal(stage, stage.host, Finish(bytes(32), 7))


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ((ArchiveItem("a", bytes(32), 1, "15y"), ArchiveItem("a", bytes(32), 2, "15y")), "share"),
        ((ArchiveItem("a", bytes(32), 1, "forever"),), "retention"),
    ],
)
async def test_the_host_takes_only_a_manifest_it_can_tell_apart(
    tmp_path: Path, items: tuple[ArchiveItem, ...], says: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        assert says in await refusal(stage, stage.sub, HandOver(items))


async def test_the_sub_takes_a_receipt_of_its_own_manifest_only(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        items = [ArchiveItem("录像", bytes(32), 1, "15y")]
        await stage.act(
            stage.sub, lambda service, desk, sid: service.hand_over(desk, sid, items, "s")
        )
        assert "manifest" in await refusal(stage, stage.host, Receive(bytes(32)))


async def test_an_evaluation_that_stands_still_is_told_to_staff(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        await stage.pair.later(EVALUATION_MS)
        assert "session_overdue" in await stage.host.todos()
        assert "session_overdue" not in await stage.sub.todos()
        assert await stage.phases() == {"CONVENED"}
