"""The first pass of recusal: nobody of the tenderee, its agency, a competent unit is invited."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from federation.evidence.joint import verify_joint
from federation.evidence.verify import verify
from federation.lottery import recusal
from federation.lottery.audit import exclusion_commitment
from federation.lottery.recusal import Codes
from federation.protocol import draw as words
from federation.protocol.draw import Next, Open, Ruling, Verdict
from federation.trust.keys import Purpose
from federation.wire.envelopes import decode_statement
from federation.wire.evidence import DECODE
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.domain.expert import Expert
from node.services import draw_exclusions
from node.services.draw_files import DrawFiles
from node.services.errors import Conflicting
from node.services.house import Desk
from node.store import draws
from tests.node.services.joint_stage import joint_stage
from tests.node.services.test_draws import Table, laid
from tests.node.services.test_draws_with_a_liar import NEW_ID, agreement_of, refused_as, the_draw
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import Center

AVOIDED = tuple(party.uscc for party in planning.project().parties)
"""Of the tenderee, its agency, and a competent unit."""
TENDEREE = AVOIDED[0]
FREE = 9
"""Only every ninth expert works for none of them."""


@pytest.fixture
def conflicted(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = planning.register

    def register(count: int, *, seed: int = 1, prefix: str = "FJ") -> list[Expert]:
        return [
            replace(one, employer_uscc=AVOIDED[at % len(AVOIDED)]) if at % FREE else one
            for at, one in enumerate(usual(10 * count, seed=seed, prefix=prefix))
        ]

    monkeypatch.setattr(planning, "register", register)


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    async with laid() as ready:
        yield ready


async def said(center: Center, draw: bytes, kind: type) -> list[object]:
    rows = await center.sql(
        "SELECT payload FROM said WHERE conversation = ? AND payload_type = ? ORDER BY log_index",
        draw, PAYLOAD_TYPES[kind],
    )  # fmt: skip
    return [decode_word(PAYLOAD_TYPES[kind], decode_statement(raw).body) for (raw,) in rows]


async def employers(table: Table) -> set[str]:
    """Of everybody who is on a list."""
    found = set()
    for board, office in ((table.host, table.offices.host), (table.sub, table.offices.sub)):
        people = {one.uid: one for one in await board.center.do(office.experts.all)}
        for one in await board.center.do(
            lambda desk, board=board: board.draws.members(desk, table.booking)  # type: ignore[misc]
        ):
            if one.uid is not None:
                found.add(str(people[one.uid].employer_uscc))
    return found


@pytest.mark.usefixtures("conflicted")
@pytest.mark.parametrize("suite_id", ["intl-1", "gm-1"])
async def test_who_works_for_a_unit_to_avoid_is_passed_over_in_both_pools(suite_id: str) -> None:
    async with laid(suites=(suite_id,)) as table:
        await table.start()

        rulings = set()
        for board, role in ((table.host, words.OWNER), (table.sub, words.OWNER)):
            draw = await the_draw(board.center, role)
            rulings |= {word.ruling for word in await said(board.center, draw, Verdict)}  # type: ignore[attr-defined]
            assert await board.center.phase(draw) == words.SEALED
        # What is sealed is random, and so the order: that none of five comes up has odds of one
        # in FREE ** 5.
        assert Ruling.SKIP_EXCLUDED in rulings
        assert not set(AVOIDED) & await employers(table)


async def test_competent_units_are_shown_to_whom_verifies_and_stay_once_a_draw_began() -> None:
    (unit,) = planning.project().competent
    async with laid() as table:
        asked = await table.host.center.do(
            lambda desk: table.host.draws.starting.asked(desk, table.project)
        )
        assert {"part": "COMPETENT", "name": unit.name, "uscc": unit.uscc} in asked[
            "excluded_employers"
        ]
        await table.start()
        projects = table.offices.host.projects
        with pytest.raises(Conflicting, match="committed to the units"):
            await table.host.center.do(
                lambda desk: projects.name_competent(desk, table.project, ())
            )


async def test_the_sub_opens_the_list_and_stores_nothing_of_it(table: Table) -> None:
    await table.start()
    sub = table.sub.center
    draw = await the_draw(sub, words.OWNER)

    def known(desk: Desk) -> Codes | None:
        row = draws.get(desk.ledger.connection, draw)
        assert row is not None
        return draw_exclusions.known(desk, row)

    told = await sub.do(known)
    assert told is not None
    assert told.codes == tuple(sorted(AVOIDED))
    for (name,) in await sub.sql("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in await sub.sql(f"SELECT * FROM {name}"):
            stored = b" ".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
            for code in AVOIDED:
                assert code.encode() not in stored, name
            assert told.salt not in stored, name


async def _honest(table: Table) -> Open:
    table.pair.cut()
    await table.host.center.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    draw = await the_draw(table.host.center, words.SEALER)
    (word,) = await said(table.host.center, draw, Open)
    table.pair.restore()
    assert isinstance(word, Open)
    return word


def _sealed(table: Table, word: Open, codes: Codes, **changes: str) -> bytes:
    host, sub = table.host.center, table.sub.center
    key = host.keyring.peers[sub.id].key_for(
        Purpose.SEALING, host.suite.suite_id, host.clock.now_ms()
    )
    assert key is not None
    info = recusal.exclusion_info(
        host.suite, word.booking_id, changes.get("pool", word.pool), word.epoch
    )
    return host.suite.seal(key.key, info, recusal.encode_codes(codes))


@pytest.mark.parametrize("lie", ["none", "garbage", "another list", "another pool", "unasked"])
async def test_a_list_that_is_not_the_one_committed_to_is_refused(table: Table, lie: str) -> None:
    word = await _honest(table)
    other = Codes((TENDEREE,), b"\7" * 32)
    told = Codes(tuple(sorted(AVOIDED)), b"\7" * 32)
    fresh = replace(
        word,
        exclusion_commitment=exclusion_commitment(table.host.center.suite, told.salt, told.codes),
        exclusion_sealed=_sealed(table, word, told),
    )
    changed = {
        "none": replace(fresh, exclusion_sealed=b""),
        "garbage": replace(fresh, exclusion_sealed=b"garbage" * 20),
        "another list": replace(fresh, exclusion_sealed=_sealed(table, word, other)),
        "another pool": replace(fresh, exclusion_sealed=_sealed(table, word, told, pool="other")),
        "unasked": replace(fresh, exclusion_commitment=b""),
    }[lie]

    receipt = await Liar(table.host.center, table.sub.center).tell(
        NEW_ID, changed, await agreement_of(table.sub.center)
    )

    assert refused_as(receipt, "MALFORMED")
    assert receipt.clause == "V13"


async def test_an_owner_that_passes_over_somebody_else_is_refused(table: Table) -> None:
    """The host knows whom to avoid, and is shown the employer of whoever is passed over."""
    await table.host.center.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    host, sub = table.host.center, table.sub.center
    draw = await the_draw(host, words.SEALER)
    for _ in range(60):
        await host.outbox.deliver(sub.id)
        if await sub.phase(draw) == words.ASKED or await host.phase(draw) == words.ASKED:
            break
        await sub.outbox.deliver(host.id)
        await host.outbox.greet(sub.id)
        await sub.outbox.greet(host.id)
    assert await host.phase(draw) == words.ASKED
    (asked, *_) = await said(host, draw, Next)
    assert isinstance(asked, Next)

    def lie(desk: Desk) -> Verdict:
        files = DrawFiles(sub.cipher)
        row = files.row(desk, draw)
        pool = files.own_pool(desk, row)
        seen = files.view(desk, row)
        digests, openings = pool.open(asked.entry, ("uscc",))
        spoken = [one for one in seen.spoken if isinstance(one.word, Next)]
        head = desk.suite_of(row.id).tagged("step", spoken[0].payload)  # type: ignore[arg-type]
        return Verdict(asked.entry, Ruling.SKIP_EXCLUDED, digests, openings, head)

    verdict = await sub.do(lie)
    receipt = await Liar(sub, host).tell(draw, verdict)

    assert refused_as(receipt, "MALFORMED")
    assert receipt.clause == "V11"
    assert "none of the units to avoid" in receipt.detail


@pytest.mark.usefixtures("conflicted")
async def test_the_dossier_opens_what_was_sealed_and_proves_every_recusal(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.archived()
        verdict = verify_joint(await stage.dossier(stage.host), DECODE)
        assert {draw.exclusions for draw in verdict.draws} == {"CHECKED"}
        for seat in stage.subs:
            own = verify(await stage.dossier(seat), DECODE)
            by_owner = {draw.owner: draw.exclusions for draw in own.draws}
            assert by_owner[seat.center.id] == "CHECKED"
