"""Acts of two persons: in order, by two, in time, for one draw, and kept for good."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from federation.ids import AgreementId, ConversationId
from federation.protocol import draw as words
from federation.protocol.conversation import Conversation, Kind, Phase, Role
from federation.trust import merkle
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound
from node.services.house import Desk
from node.services.openings import CONFIRM_MS, SHOWN_MS, Openings, State
from node.store import draws, todos
from node.store.draws import DrawRow
from node.store.openings import Step
from node.store.shown import Reachable
from tests.node.services.session_stage import Stage, booked_stage

DRAW, OTHER, THEIRS = b"\x11" * 16, b"\x12" * 16, b"\x13" * 16
ENTRY, GONE = b"\x21" * 32, b"\x22" * 32
REASON = "专家突发疾病,须立即联系"


@dataclass
class Desks:
    """The sub, whose experts were drawn, and its acts."""

    stage: Stage
    acts: Openings

    async def propose(self, draw: bytes = DRAW, by: str = "wang", reason: str = REASON) -> bytes:
        return await self.stage.sub.center.do(
            lambda desk: self.acts.propose(desk, draw, reason, by)
        )

    async def confirm(self, act: bytes, draw: bytes = DRAW, by: str = "li") -> int:
        return await self.stage.sub.center.do(lambda desk: self.acts.confirm(desk, draw, act, by))

    async def show(self, act: bytes, draw: bytes = DRAW, by: str = "wang") -> list[Reachable]:
        return await self.stage.sub.center.do(lambda desk: self.acts.show(desk, draw, act, by))

    async def withdraw(self, act: bytes, by: str = "wang") -> None:
        await self.stage.sub.center.do(lambda desk: self.acts.withdraw(desk, DRAW, act, by))

    async def state(self) -> State:
        return (await self.stage.sub.center.do(self.acts.all))[0].state

    async def todos(self, role: str) -> set[str]:
        found = await self.stage.sub.center.do(
            lambda desk: todos.open_for(desk.ledger.connection, role)
        )
        return {each.kind for each in found}


@asynccontextmanager
async def drawn(folder: Path) -> AsyncIterator[Desks]:
    """A confirmed booking with two draws of the sub's own pool, and one of the host's."""
    async with booked_stage(folder) as stage:
        center = stage.sub.center

        def put(desk: Desk) -> None:
            connection = desk.ledger.connection
            ((agreement,),) = connection.execute("SELECT id FROM agreement").fetchall()
            own = desk.suite_of(ConversationId(stage.booking)).suite_id
            for draw, role in ((DRAW, words.OWNER), (OTHER, words.OWNER), (THEIRS, words.SEALER)):
                desk.ledger.put_conversation(
                    Conversation(
                        ConversationId(draw), Kind.DRAW, Role(role), stage.host.center.id,
                        AgreementId(agreement), own, Phase("SEALED"),
                    ),
                    desk.now_ms,
                )  # fmt: skip
                row = DrawRow(
                    draw, role, stage.host.center.id, stage.booking, None, "p", "e", None, None,
                    None, "", agreement,
                )  # fmt: skip
                draws.add(connection, row, desk.now_ms)
            for entry, response in ((ENTRY, "ACCEPT"), (GONE, "DECLINE")):
                draws.invite(connection, DRAW, entry, 0, "sub-0", desk.now_ms)
                draws.answer(connection, DRAW, entry, response, b"", desk.now_ms)

        await center.do(put)
        yield Desks(stage, Openings(center.cipher))


async def test_two_persons_see_who_is_on_the_list_for_a_while(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        assert await desks.todos("staff") >= {"opening_to_confirm"}
        until_ms = await desks.confirm(act)
        assert until_ms == desks.stage.pair.watch.now_ms + SHOWN_MS
        for person in ("wang", "li"):
            (found,) = await desks.show(act, by=person)
            assert (found.entry, found.name, found.phone) == (ENTRY, "张专家", "13800138000")
            assert "张专家" not in repr(found)
        assert "names_opened" in await desks.todos("supervisor")
        assert "opening_to_confirm" not in await desks.todos("staff")
        (listed,) = await desks.stage.sub.center.do(desks.acts.all)
        assert (listed.state, listed.looks, listed.opening.reason) == (State.OPEN, 2, REASON)


async def test_nobody_confirms_what_he_proposed(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        with pytest.raises(NotAllowed, match="second person"):
            await desks.confirm(act, by="wang")
        with pytest.raises(Conflicting):
            await desks.show(act)
        assert await desks.state() is State.PROPOSED


async def test_what_was_not_proposed_is_neither_confirmed_nor_shown(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        for deed in (desks.confirm, desks.show):
            with pytest.raises(NotFound):
                await deed(b"\x77" * 16)


async def test_an_act_is_for_one_draw(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        with pytest.raises(NotFound):
            await desks.confirm(act, draw=OTHER)
        await desks.confirm(act)
        with pytest.raises(NotFound):
            await desks.show(act, draw=OTHER)


async def test_a_third_person_sees_nothing(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        await desks.confirm(act)
        with pytest.raises(NotAllowed, match="two persons"):
            await desks.show(act, by="zhao")


async def test_a_proposal_that_waited_too_long_has_lapsed(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        desks.stage.pair.watch.pass_ms(CONFIRM_MS)
        assert await desks.state() is State.LAPSED
        with pytest.raises(Conflicting, match="LAPSED"):
            await desks.confirm(act)
        again = await desks.propose()  # and is no hindrance to another
        await desks.confirm(again)
        assert "opening_to_confirm" not in await desks.todos("staff")


async def test_what_was_shown_is_not_shown_after_its_time(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        await desks.confirm(act)
        desks.stage.pair.watch.pass_ms(SHOWN_MS - 1)
        assert await desks.show(act)
        desks.stage.pair.watch.pass_ms(1)
        with pytest.raises(Conflicting, match="OVER"):
            await desks.show(act)
        assert await desks.state() is State.OVER


async def test_an_act_is_confirmed_once_and_not_after_it_was_withdrawn(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        await desks.confirm(act)
        with pytest.raises(Conflicting):
            await desks.confirm(act, by="zhao")
        with pytest.raises(Conflicting):
            await desks.withdraw(act)
        desks.stage.pair.watch.pass_ms(SHOWN_MS)
        second = await desks.propose()
        await desks.withdraw(second)
        with pytest.raises(Conflicting, match="WITHDRAWN"):
            await desks.confirm(second)
        assert "opening_to_confirm" not in await desks.todos("staff")


async def test_a_draw_has_one_act_at_a_time(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        await desks.propose()
        with pytest.raises(Conflicting, match="under way"):
            await desks.propose(by="li")
        await desks.propose(draw=OTHER, by="li")


@pytest.mark.parametrize("reason", ["", "  急  ", "急" * 501])
async def test_a_reason_is_needed(tmp_path: Path, reason: str) -> None:
    async with drawn(tmp_path) as desks:
        with pytest.raises(Invalid):
            await desks.propose(reason=reason)


async def test_of_the_other_center_s_experts_there_is_nothing_to_open(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        with pytest.raises(NotAllowed, match="other center's"):
            await desks.propose(draw=THEIRS)


async def test_every_step_is_a_leaf_of_the_log_that_names_nobody(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        act = await desks.propose()
        await desks.confirm(act)
        await desks.show(act)
        (listed,) = await desks.stage.sub.center.do(desks.acts.all)
        assert [step.did.value for step in listed.opening.steps] == [
            "PROPOSED", "CONFIRMED", "SHOWN",
        ]  # fmt: skip
        for step in listed.opening.steps:

            def proved(desk: Desk, step: Step = step) -> bool:
                suite = desk.suite_of(ConversationId(DRAW))
                digest = suite.hash(step.record)
                ((index, data),) = desk.ledger.log_entries(suite.suite_id, digest)
                assert index == step.log_index
                assert set(json.loads(data)) == {"act", "at", "center", "v"}
                assert json.loads(data)["act"] == digest.hex()
                size, root = desk.ledger.log_head(suite.suite_id)
                path = desk.ledger.inclusion(suite.suite_id, index, size)
                leaf = merkle.leaf_hash(suite, data)
                return merkle.root_from_path(suite, leaf, index, size, path) == root

            assert await desks.stage.sub.center.do(proved)
        record = json.loads(listed.opening.steps[0].record)
        assert record["by"] == "wang"
        assert REASON not in str(record)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE name_opening_step SET by_whom = 'zhao'",
        "DELETE FROM name_opening_step",
        "UPDATE name_opening SET draw = x'12121212121212121212121212121212'",
        "DELETE FROM name_opening",
    ],
)
async def test_nothing_of_an_act_is_changed_afterwards(tmp_path: Path, change: str) -> None:
    async with drawn(tmp_path) as desks:
        await desks.propose()
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            await desks.stage.sub.center.do(lambda desk: desk.ledger.connection.execute(change))


async def test_a_reason_is_sealed_where_it_lies(tmp_path: Path) -> None:
    async with drawn(tmp_path) as desks:
        await desks.propose()
        ((sealed,),) = await desks.stage.sub.center.sql("SELECT sealed_reason FROM name_opening")
        assert REASON.encode() not in sealed
