"""A real draw of two centers: whose list opens to whom, what lies where, and who may look early."""

from collections.abc import Iterator

import pytest

from federation.protocol.draw import OWNER
from federation.trust.suite import SUITES, CannotOpen
from node.domain.disclosure import Stage
from node.services import disclosing
from node.services.house import Desk
from node.services.openings import Openings
from node.store import draws
from tests.node.services.test_draws import Board, Table, laid
from tests.support import planning
from tests.support.pair import Center

PROJECT = ("吉安大桥", "E3608000001004627")
REASON = "专家突发疾病,须立即联系"


def drawn(table: Table) -> Iterator[tuple[str, dict[str, str]]]:
    """(owner, member) of all lists that the e-trading system was given."""
    for opened in table.exchange.lists.values():
        for member in opened["members"]:
            yield opened["owner"], member


async def everything(center: Center) -> bytes:
    """All that a center's database holds, as it lies there, and all words and receipts."""
    tables = await center.sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
    content = b""
    for (name,) in tables:
        for row in await center.sql(f'SELECT * FROM "{name}"'):
            for value in row:
                content += value if isinstance(value, bytes) else str(value).encode()
                content += b"\n"
    return content


async def own_draw(board: Board) -> bytes:
    found = await board.center.do(lambda desk: draws.everything(desk.ledger.connection))
    (row,) = [row for row in found if row.role == OWNER]
    return row.id


@pytest.mark.parametrize("suite", ["intl-1", "gm-1"])
async def test_a_list_opens_to_its_addressee_and_to_neither_center(suite: str) -> None:
    async with laid(suites=[suite]) as table:
        await table.start()
        for board in (table.host, table.sub):
            draw = await own_draw(board)

            def sealed(desk: Desk, draw: bytes = draw) -> draws.SealedList:
                return draws.lists(desk.ledger.connection, draw)[-1]

            found = await board.center.do(sealed)
            key = table.exchange._key
            assert b'"members"' in SUITES[suite].unseal(key, found.info, found.sealed)
            with pytest.raises(CannotOpen):  # nor to another draw's context
                SUITES[suite].unseal(key, found.info + b"\0", found.sealed)
            for center in table.pair.centers:
                with pytest.raises(CannotOpen):
                    center.identity.face(suite).unseal(found.info, found.sealed)


async def test_nothing_of_a_person_lies_anywhere_in_clear_after_a_draw() -> None:
    async with laid() as table:
        await table.start()
        members = list(drawn(table))
        assert len(members) == 5
        for center in table.pair.centers:
            content = await everything(center)
            assert len(content) > 100_000  # it was read
            for _, member in members:
                assert member["name"].encode() not in content
                assert member["id_number"].encode() not in content
        # Neither the project nor who must be avoided is ever told to the other pool in clear.
        named = planning.project()
        avoided = [party.uscc for party in named.parties] + [party.name for party in named.parties]
        here, there = await everything(table.host.center), await everything(table.sub.center)
        for mark in (*PROJECT, *avoided):
            assert mark.encode() in here
            assert mark.encode() not in there


async def test_two_persons_see_of_a_real_draw_their_own_center_s_experts_only() -> None:
    async with laid() as table:
        await table.start()
        for board in (table.host, table.sub):
            draw, acts = await own_draw(board), Openings(board.center.cipher)
            at = await board.center.do(lambda desk: disclosing.standing(desk, table.booking))
            assert at.stage is Stage.DRAWN
            act = await board.center.do(
                lambda desk, acts=acts, draw=draw: acts.propose(desk, draw, REASON, "wang")  # type: ignore[misc]
            )
            await board.center.do(
                lambda desk, acts=acts, draw=draw, act=act: acts.confirm(desk, draw, act, "li")  # type: ignore[misc]
            )
            shown = await board.center.do(
                lambda desk, acts=acts, draw=draw, act=act: acts.show(desk, draw, act, "li")  # type: ignore[misc]
            )
            own = {member["name"] for owner, member in drawn(table) if owner == board.center.id}
            assert {one.name for one in shown} == own
            assert {one.entry.hex() for one in shown} == {
                member["entry"] for owner, member in drawn(table) if owner == board.center.id
            }


async def test_the_partner_cosigns_every_step_of_an_act_without_learning_it() -> None:
    async with laid() as table:
        await table.start()
        center, acts = table.sub.center, Openings(table.sub.center.cipher)
        draw = await own_draw(table.sub)
        act = await center.do(lambda desk: acts.propose(desk, draw, REASON, "wang"))
        await center.do(lambda desk: acts.confirm(desk, draw, act, "li"))
        await center.do(lambda desk: acts.show(desk, draw, act, "wang"))
        await table.turn()
        (listed,) = await center.do(acts.all)
        last = listed.opening.steps[-1]

        def cosigned(desk: Desk) -> int:
            found = desk.ledger.cosigned(table.host.center.id, last.suite)
            assert found is not None
            return found[0]

        assert await center.do(cosigned) > last.log_index
        there = await everything(table.host.center)
        assert not [mark for mark in (REASON, act.hex(), "names_opened") if mark.encode() in there]
