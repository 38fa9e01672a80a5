"""An evaluation keeps the agreed times: checked by the host before, by the sub on hearing it."""

from pathlib import Path

import pytest

from federation.protocol.conversation import Word
from federation.protocol.session import ArchiveItem, HandOver, Resume, Start
from node.services.errors import Conflicting, Invalid
from node.store.sessions import Member
from tests.node.services.session_stage import (
    LOT_CODE,
    PROJECT_NAME,
    START_MS,
    Side,
    Stage,
    booked_stage,
)
from tests.support.pair import HOUR_MS, MINUTE_MS

SKEW_MS = 120_000


async def told(stage: Stage, speaker: Side, word: Word) -> tuple[str, str, str]:
    """Say a word past the use cases: (reason, clause, alternative) of the refusal, or empty."""
    listener = stage.host if speaker is stage.sub else stage.sub
    await speaker.center.do(lambda desk: desk.say(stage.session, word))  # type: ignore[arg-type]
    await stage.pair.settle()
    receipt = listener.center.listener.receipts[-1][1]
    return receipt.reason, receipt.clause, receipt.alternative


async def start_word(stage: Stage) -> Start:
    members: list[Member] = [one for side in stage.sides for one in await side.own(stage.session)]
    return Start(LOT_CODE, PROJECT_NAME, tuple(sorted(one.code for one in members)))


async def press_start(stage: Stage) -> None:
    await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "staff-1"))


async def test_an_evaluation_starts_until_the_agreed_delay_is_over(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, fault_wait_ms=30 * MINUTE_MS) as stage:
        await stage.everybody_in()
        stage.pair.watch.now_ms = START_MS + 30 * MINUTE_MS
        await press_start(stage)
        assert await stage.phases() == {"RUNNING"}


async def test_after_it_neither_side_starts(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, fault_wait_ms=30 * MINUTE_MS) as stage:
        await stage.everybody_in()
        stage.pair.watch.now_ms = START_MS + 30 * MINUTE_MS + SKEW_MS + 1
        with pytest.raises(Conflicting, match="did not start within") as caught:
            await press_start(stage)
        assert "封存资料" in caught.value.zh
        found = await told(stage, stage.host, await start_word(stage))
        assert found == ("TOO_LATE", "fault_wait_ms", "")


async def test_a_start_said_in_time_counts_when_the_link_was_down(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, fault_wait_ms=30 * MINUTE_MS) as stage:
        await stage.everybody_in()
        stage.pair.cut()
        await press_start(stage)
        stage.pair.watch.now_ms = START_MS + HOUR_MS
        stage.pair.restore()
        await stage.pair.settle()
        assert await stage.phases() == {"RUNNING"}


async def suspended(stage: Stage) -> int:
    await stage.chaired()
    await stage.act(
        stage.sub, lambda service, desk, sid: service.suspend(desk, sid, "音视频中断", "staff")
    )
    return stage.pair.watch.now_ms


async def press_resume(stage: Stage) -> None:
    await stage.act(
        stage.host, lambda service, desk, sid: service.resume(desk, sid, "已恢复", "staff")
    )


async def test_a_fault_that_is_mended_in_time_is_over(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        since_ms = await suspended(stage)
        stage.pair.watch.now_ms = since_ms + 4 * HOUR_MS
        await press_resume(stage)
        assert await stage.phases() == {"RESUMING"}


async def test_a_fault_that_lasts_too_long_ends_the_evaluation(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        since_ms = await suspended(stage)
        await stage.pair.later(0)
        stage.pair.watch.now_ms = since_ms + 4 * HOUR_MS + SKEW_MS + 1
        with pytest.raises(Conflicting, match="new committee") as caught:
            await press_resume(stage)
        assert "另组评标委员会" in caught.value.zh
        assert await told(stage, stage.host, Resume("gone on")) == (
            "TOO_LATE",
            "fault_repair_ms",
            "",
        )


async def test_each_fault_has_its_own_time(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        since_ms = await suspended(stage)
        stage.pair.watch.now_ms = since_ms + 3 * HOUR_MS
        await press_resume(stage)
        await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        await stage.act(
            stage.host, lambda service, desk, sid: service.suspend(desk, sid, "停电", "staff")
        )
        stage.pair.watch.now_ms += 3 * HOUR_MS
        await press_resume(stage)
        assert await stage.phases() == {"RESUMING"}


async def test_an_overdue_fault_is_told_to_the_staff_of_the_sub(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, fault_repair_ms=HOUR_MS) as stage:
        await suspended(stage)
        await stage.pair.later(HOUR_MS - 1)
        assert "session_overdue" not in await stage.sub.todos()
        await stage.pair.later(1)
        assert "session_overdue" in await stage.sub.todos()


def manifest(retention: str) -> tuple[ArchiveItem, ...]:
    return (ArchiveItem("recording/sub", bytes(32), 1, retention),)


async def test_recordings_are_kept_as_long_as_was_agreed(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, av_retention_days=20 * 365) as stage:
        await stage.finished()
        await stage.act(
            stage.sub,
            lambda service, desk, sid: service.archive.hand_over(desk, sid, manifest("30y"), "s"),
        )
        assert await stage.phases() == {"HANDED_OVER"}
        kept = await stage.host.center.sql(
            "SELECT retention FROM archive_item WHERE name LIKE 'recording/%'"
        )
        assert set(kept) == {("30y",)}


async def test_recordings_that_are_kept_for_less_are_not_handed_over(tmp_path: Path) -> None:
    async with booked_stage(tmp_path, av_retention_days=20 * 365) as stage:
        await stage.finished()
        with pytest.raises(Invalid) as caught:
            await stage.act(
                stage.sub,
                lambda service, desk, sid: service.archive.hand_over(
                    desk, sid, manifest("15y"), "s"
                ),
            )
        assert "音视频的保管期限" in caught.value.zh
        found = await told(stage, stage.sub, HandOver(manifest("15y")))
        assert found == ("OUT_OF_SCOPE", "av_retention_days", "retention=30y")
