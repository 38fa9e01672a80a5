"""The room, the recording, the days of the hand-over, and the archive's receipt."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation.ids import ConversationId
from federation.protocol.booking import BOOKING
from federation.protocol.conversation import refused
from federation.protocol.session import ArchiveItem
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.services.session_archive import HANDOVER_OVERDUE, RETENTIONS
from node.store import archives
from tests.node.services.session_stage import Side, Stage, booked_stage
from tests.support.pair import DAY_MS

ITEMS = (
    ArchiveItem("副场监控录像.mp4", bytes([1]) * 32, 12_345, "15y"),
    ArchiveItem("签到表.pdf", bytes([2]) * 32, 678, "permanent"),
)


async def archive_of(side: Side, session: bytes) -> list[tuple[str, ArchiveItem]]:
    return await side.center.do(lambda desk: archives.items(desk.ledger.connection, session))


async def hand_over(stage: Stage, items: tuple[ArchiveItem, ...] = ITEMS) -> None:
    await stage.act(
        stage.sub, lambda service, desk, sid: service.hand_over(desk, sid, items, "staff-2")
    )


async def test_the_hand_over_completes_the_booking_on_both_sides(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        await hand_over(stage)
        assert await stage.phases() == {"HANDED_OVER"}
        assert await stage.host.todos() == {"session_receive"}
        assert await stage.sub.todos() == set()
        await stage.act(stage.host, lambda service, desk, sid: service.receive(desk, sid, "s"))
        assert await stage.phases() == {"ARCHIVED"}
        assert await stage.host.todos() == set()
        for side in stage.sides:
            assert await side.phase(stage.booking) == "COMPLETED"
            theirs = [
                item
                for owner, item in await archive_of(side, stage.session)
                if owner == stage.sub.center.id
            ]
            assert theirs == sorted(ITEMS, key=lambda item: item.name)


async def test_an_archive_is_received_although_the_sub_refused_a_word_of_the_booking(
    tmp_path: Path,
) -> None:
    """It may refuse more time, against the protocol: the evaluation was held all the same."""
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        await hand_over(stage)

        def refuse(desk: Desk) -> None:
            leg = desk.ledger.conversation(ConversationId(stage.booking))
            assert leg is not None
            desk.ledger.put_conversation(refused(BOOKING, leg), desk.now_ms)

        await stage.host.center.do(refuse)
        assert await stage.host.phase(stage.booking) == "REFUSED"
        await stage.act(stage.host, lambda service, desk, sid: service.receive(desk, sid, "s"))
        assert await stage.phases() == {"ARCHIVED"}
        assert await stage.host.todos() == set()


async def test_both_sides_digest_the_manifest_as_it_was_said(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        await hand_over(stage)
        digests = [
            await side.center.sql("SELECT manifest_digest FROM session") for side in stage.sides
        ]
        assert digests[0] == digests[1]
        assert digests[0] != [(None,)]


async def test_the_days_are_working_days_and_end_at_midnight_in_china(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()  # on Thursday, 7 May 2026; the 8th is a holiday in this test
        for side in stage.sides:
            ((due_ms,),) = await side.center.sql("SELECT handover_due_ms FROM session")
            assert datetime.fromtimestamp(due_ms / 1000, UTC).isoformat() == (
                "2026-05-15T16:00:00+00:00"
            )
        ((text,),) = await stage.sub.center.sql(
            "SELECT text_zh FROM todo WHERE kind = 'session_hand_over'"
        )
        assert "2026-05-15" in text


async def test_an_overdue_hand_over_is_told_to_both_sides(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        ((due_ms,),) = await stage.host.center.sql("SELECT handover_due_ms FROM session")
        await stage.pair.later(due_ms - 1 - stage.pair.watch.now_ms)
        assert HANDOVER_OVERDUE not in await stage.host.todos()
        await stage.pair.later(1)
        for side in stage.sides:
            assert HANDOVER_OVERDUE in await side.todos()
        await hand_over(stage)  # late is better than never
        for side in stage.sides:
            assert HANDOVER_OVERDUE not in await side.todos()


async def test_a_hand_over_in_time_is_never_called_overdue(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        await hand_over(stage)
        await stage.pair.later(10 * DAY_MS)
        for side in stage.sides:
            assert HANDOVER_OVERDUE not in await side.todos()


@pytest.mark.parametrize(
    "items",
    [
        (),
        (ITEMS[0], ITEMS[0]),
        (ArchiveItem("录像.mp4", bytes(32), 1, "15年"),),
        (ArchiveItem("", bytes(32), 1, "15y"),),
        (ArchiveItem("录像.mp4", bytes(31), 1, "15y"),),
    ],
)
async def test_a_manifest_that_the_host_could_not_take_is_refused_here(
    tmp_path: Path, items: tuple[ArchiveItem, ...]
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        with pytest.raises(Invalid):
            await hand_over(stage, items)
        assert await stage.phases() == {"FINISHED"}


async def test_nothing_is_handed_over_before_the_end_or_twice(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented()
        with pytest.raises(Conflicting):
            await hand_over(stage)
        for side in stage.sides:
            await stage.sign(side)
        await stage.act(stage.host, lambda service, desk, sid: service.finish(desk, sid, "s"))
        await hand_over(stage)
        with pytest.raises(Conflicting):
            await hand_over(stage)


async def test_one_room_for_both_sites_ends_in_a_recording_of_the_host(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        entrances = await stage.host.center.do(
            lambda desk: stage.host.sessions.archive.entrances(desk, stage.session)
        )
        assert [site for site, _ in entrances] == [stage.host.center.id, stage.sub.center.id]
        ((sealed,),) = await stage.host.center.sql("SELECT sealed_entrances FROM session")
        assert b"https" not in sealed
        arguments = await stage.host.center.sql("SELECT argument FROM errand")
        assert not any("https" in argument for (argument,) in arguments)
    async with booked_stage(tmp_path / "2") as stage:
        await stage.finished()
        kept = {item.name: item for _, item in await archive_of(stage.host, stage.session)}
        assert set(kept) == {"report", *(name for name in kept if name.startswith("recording/"))}
        assert len(kept) == 2
        assert {item.retention for item in kept.values()} <= set(RETENTIONS)
        assert await archive_of(stage.sub, stage.session) == []


async def test_a_room_that_comes_late_is_closed_at_once(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        session = stage.session.hex()
        argument = {"session": session, "title": "t", "sites": [stage.host.center.id]}
        handler = stage.host.sessions.handlers()["open_room"]
        opened = await handler("another room", argument)
        await stage.host.center.do(
            lambda desk: (
                desk.ledger.connection.execute(
                    "DELETE FROM errand WHERE kind = 'close_room'"
                ).rowcount
            )
        )
        await stage.host.center.do(opened)
        await stage.pair.settle()
        names = [item.name for _, item in await archive_of(stage.host, stage.session)]
        assert len([name for name in names if name.startswith("recording/")]) == 2
