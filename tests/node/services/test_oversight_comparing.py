"""Bidders and employers meet in the regulator's memory alone, and only handles leave it."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from federation.ids import ConversationId
from federation.lottery import recusal
from federation.lottery.audit import exclusion_commitment
from federation.lottery.pool import USCC
from federation.lottery.recusal import Codes, Employer, Employers
from federation.protocol import oversight as words
from federation.protocol.oversight import (
    DenyRequest,
    Drawn,
    Recuse,
    SubmitBidders,
    SubmitEmployers,
)
from federation.trust.keys import Purpose
from node.domain.expert import Expert
from node.services.draws import DrawnMember
from node.services.house import Desk
from node.services.oversight_asking import ANSWERED, UNANSWERED
from node.store import oversight as store
from tests.node.services.overseen import Scene, overseen
from tests.support import planning
from tests.support.pair import Center

SALT = bytes(range(32))
EVALUATION = b"\5" * 32


def sealed(at: Scene, center: Center, info: bytes, told: bytes) -> bytes:
    """Sealed to the regulator."""
    key = at.regulator.identity.descriptor.key_for(
        Purpose.SEALING, center.suite.suite_id, center.watch.now_ms
    )
    assert key is not None
    return center.suite.seal(key.key, info, told)


async def listed(at: Scene, owner: Center | None = None) -> list[DrawnMember]:
    """Who is on the list of the host's own draw, or of another owner's."""
    board = at.table.host
    members = await at.host.do(lambda desk: board.draws.members(desk, at.table.booking))
    return [member for member in members if member.owner == (owner or at.host).id]


async def employers(
    at: Scene, owner: Center | None = None, persons: Mapping[bytes, str] = MappingProxyType({})
) -> tuple[SubmitEmployers, tuple[str, ...]]:
    """What the owner submits, and in clear for the test."""
    members = await listed(at, owner)
    owner = owner or at.host
    board = at.table.host if owner is at.host else at.table.sub

    def opened(desk: Desk) -> Employers:
        row = board.draws._files.row(desk, members[0].draw)
        pool = board.draws._files.own_pool(desk, row)
        told = []
        for member in members:
            digests, (opening,) = pool.open(member.entry, (USCC,))
            specialty = pool._find(member.entry)[0]
            person = recusal.person_token(
                owner.suite, at.regulator.id, persons.get(member.entry, pool.member(member.entry))
            )
            told.append(
                Employer(
                    member.entry, specialty, digests, opening.salt, opening.value.decode(), person
                )
            )
        return Employers(pool.name, pool.epoch, tuple(told))

    told = await owner.do(opened)
    info = recusal.employers_info(at.host.suite, members[0].draw)
    word = SubmitEmployers(members[0].draw, sealed(at, owner, info, recusal.encode_employers(told)))
    return word, tuple(one.value for one in told.members)


async def bidders(at: Scene, *codes: str) -> SubmitBidders:
    """What the host submits once the bids are open."""
    told = Codes(tuple(sorted(codes)), SALT)
    info = recusal.bidders_info(at.host.suite, at.table.booking)
    return SubmitBidders(
        at.table.booking,
        tuple(
            Drawn(members[0].draw, tuple(sorted(member.entry for member in members)))
            for members in (await listed(at), await listed(at, at.sub))
        ),
        exclusion_commitment(at.host.suite, SALT, told.codes),
        sealed(at, at.host, info, recusal.encode_codes(told)),
        EVALUATION,
    )


async def tell(at: Scene, center: Center, word: SubmitBidders | SubmitEmployers) -> ConversationId:
    said = await center.do(lambda desk: desk.open(at.regulator.id, None, word))
    await at.pair.greet()
    return said.conversation.id


@pytest.mark.parametrize("first", ["bidders", "employers"])
async def test_who_works_for_a_bidder_is_named_in_either_order(first: str) -> None:
    async with overseen() as at:
        await at.start()
        owners, codes = await employers(at)
        host = await bidders(at, codes[0])
        if first == "bidders":
            await tell(at, at.host, host)
            asked = await tell(at, at.host, owners)
        else:
            asked = await tell(at, at.host, owners)
            assert await at.host.phase(asked) == words.COMPARING
            assert await at.said(at.regulator, Recuse) == []
            await tell(at, at.host, host)
        (answer,) = await at.said(at.regulator, Recuse)
        concerned = {
            member.entry
            for member, code in zip(await listed(at), codes, strict=True)
            if code == codes[0]
        }
        assert set(answer.recused) == concerned
        assert await at.host.phase(asked) == words.COMPARED
        assert at.told == [("host", owners.draw_id, answer)]
        assert ANSWERED in await at.todos(at.host)
        kept = await at.host.do(
            lambda desk: store.recused_for(desk.ledger.connection, owners.draw_id)
        )
        assert kept is not None


async def test_where_nobody_works_for_a_bidder_nobody_is_named() -> None:
    async with overseen() as at:
        await at.start()
        owners, _ = await employers(at)
        await tell(at, at.host, owners)
        await tell(at, at.host, await bidders(at, "91350100M000100Y43"))
        (answer,) = await at.said(at.regulator, Recuse)
        assert answer.recused == ()


async def test_nobody_of_an_employer_on_the_other_centers_list_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four employers in both pools, five seats: whose list is compared first stays."""
    register = planning.register
    four = sorted({expert.employer_uscc for expert in register(120)})[:4]

    def of_four(count: int, *, seed: int, prefix: str) -> list[Expert]:
        found = register(count, seed=seed, prefix=prefix)
        return [
            replace(expert, employer_uscc=four[at % len(four)]) for at, expert in enumerate(found)
        ]

    monkeypatch.setattr(planning, "register", of_four)
    async with overseen() as at:
        await at.start()
        ours, our_codes = await employers(at)
        theirs, their_codes = await employers(at, at.sub)
        await tell(at, at.host, await bidders(at, "91350100M000100Y43"))
        await tell(at, at.host, ours)
        await tell(at, at.sub, theirs)

        first, second = await at.said(at.regulator, Recuse)
        assert first.recused == ()
        shared = {
            member.entry
            for member, code in zip(await listed(at, at.sub), their_codes, strict=True)
            if code in our_codes
        }
        assert shared, "five seats, four employers"
        assert set(second.recused) == shared


async def test_nobody_sits_for_two_centers() -> None:
    """Registered in both provinces, under two employers: whose list was compared first stays."""
    async with overseen() as at:
        await at.start()
        one, other = (await listed(at))[0], (await listed(at, at.sub))[-1]
        same = {one.entry: "11010519491231002X", other.entry: "11010519491231002X"}
        ours, _ = await employers(at, persons=same)
        theirs, _ = await employers(at, at.sub, persons=same)
        await tell(at, at.host, await bidders(at, "91350100M000100Y43"))
        await tell(at, at.host, ours)
        before = set((await at.said(at.regulator, Recuse))[-1].recused)
        await tell(at, at.sub, theirs)

        assert before == set()
        assert other.entry in (await at.said(at.regulator, Recuse))[-1].recused


async def test_the_lists_of_all_bookings_of_an_evaluation_are_compared() -> None:
    async with overseen() as at:
        await at.start()
        one, other = (await listed(at))[0], (await listed(at, at.sub))[-1]
        same = {one.entry: "11010519491231002X", other.entry: "11010519491231002X"}
        ours, _ = await employers(at, persons=same)
        theirs, _ = await employers(at, at.sub, persons=same)
        whole = await bidders(at, "91350100M000100Y43")
        for draw, booking in zip(whole.draws, (whole.booking_id, b"\7" * 16), strict=True):
            info = recusal.bidders_info(at.host.suite, booking)
            codes = recusal.encode_codes(Codes(("91350100M000100Y43",), SALT))
            part = replace(
                whole, booking_id=booking, draws=(draw,), sealed=sealed(at, at.host, info, codes)
            )
            await tell(at, at.host, part)
        await tell(at, at.host, ours)
        await tell(at, at.sub, theirs)
        assert other.entry in (await at.said(at.regulator, Recuse))[-1].recused


async def test_nothing_in_clear_is_stored_at_the_regulator() -> None:
    async with overseen() as at:
        await at.start()
        owners, codes = await employers(at)
        await tell(at, at.host, owners)
        await tell(at, at.host, await bidders(at, codes[0]))
        tables = await at.regulator.sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables:
            for row in await at.regulator.sql(f"SELECT * FROM {table}"):
                for cell in row:
                    held = cell.encode() if isinstance(cell, str) else cell
                    if isinstance(held, bytes):
                        assert not any(code.encode() in held for code in codes), table


@pytest.mark.parametrize("lie", ["other codes", "not sealed to us", "fewer employers"])
async def test_what_does_not_hold_is_denied_with_whose_it_is(lie: str) -> None:
    async with overseen() as at:
        await at.start()
        owners, codes = await employers(at)
        host = await bidders(at, codes[0])
        if lie == "other codes":
            host = replace(host, exclusion_commitment=bytes(32))
        elif lie == "not sealed to us":
            owners = replace(owners, sealed=owners.sealed[:-1] + b"\0")
        else:
            drawn, *others = host.draws
            host = replace(host, draws=(replace(drawn, entries=drawn.entries[1:]), *others))
        await tell(at, at.host, owners)
        await tell(at, at.host, host)
        (denial,) = await at.said(at.regulator, DenyRequest)
        assert ("bidders" if lie == "other codes" else "employers") in denial.reason
        assert at.host.id in denial.reason
        assert await at.said(at.regulator, Recuse) == []


async def test_another_center_cannot_speak_for_the_draw() -> None:
    async with overseen() as at:
        await at.start()
        owners, codes = await employers(at)
        await tell(at, at.host, owners)
        await tell(at, at.host, await bidders(at, codes[0]))
        await tell(at, at.neighbour, owners)
        assert (await at.refusals(at.regulator))[-1][0] == "CONFLICT"
        assert UNANSWERED in await at.todos(at.neighbour)


async def test_bidders_are_not_taken_before_the_bids_are_open() -> None:
    async with overseen(contributes=True, min_outside_contributors=1) as at:
        await at.start()
        owners, codes = await employers(at)
        await tell(at, at.host, owners)
        await tell(at, at.host, await bidders(at, codes[0]))
        assert (await at.refusals(at.regulator))[-1][0] == "TOO_EARLY"
        deadline = await at.host.sql("SELECT max(bid_deadline_ms) FROM project")
        at.pair.watch.pass_ms(int(deadline[0][0]) - at.pair.watch.now_ms)
        await tell(at, at.host, await bidders(at, codes[0]))
        assert len(await at.said(at.regulator, Recuse)) == 1
