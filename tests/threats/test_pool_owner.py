"""A dishonest pool owner against real services: it signs whatever serves it, properly."""

from dataclasses import replace
from typing import TypeVar

import pytest

from federation.lottery import walk
from federation.protocol import draw as words
from federation.protocol.conversation import Word
from federation.protocol.draw import AcceptDraw, Fault, Listing, Open, Ruling, Slot, Verdict
from federation.wire.envelopes import Outcome, Receipt, decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from tests.node.services.test_draws import Table, laid, table
from tests.node.services.test_draws_with_a_liar import NEW_ID, agreement_of, reach, words_of
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import HOUR_MS, Center

__all__ = ["table"]

AnyWord = TypeVar("AnyWord", bound=Word)


async def said(center: Center, draw: bytes, kind: type[AnyWord]) -> AnyWord:
    """The last word of a kind that a center has said in a draw."""
    payload = (await words_of(center, draw, kind.__name__))[-1]
    word = decode_word(PAYLOAD_TYPES[kind], decode_statement(payload).body)
    assert isinstance(word, kind)
    return word


async def test_open_rejects_fresh_epoch() -> None:
    """A pool that is announced and drawn from within the hour may have been made for the draw."""
    async with laid({"pool_min_age_ms": HOUR_MS}) as fresh:
        host, sub = fresh.pair.centers
        root, announced_ms = (
            await sub.sql(
                "SELECT root, coalesce(cosigned_at_ms, at_ms) FROM pool_announcement"
                " WHERE owner = ? ORDER BY at_ms DESC",
                sub.id,
            )
        )[0]
        opening = Open(
            booking_id=fresh.booking,
            sequence=1,
            pool="experts",
            epoch="2026-05",
            root=root,
            slots=(Slot("A0803", 2), Slot("A0801", 1)),
            contributors=(sub.id, host.id),
            bid_deadline_ms=planning.TOMORROW_NINE - HOUR_MS,
            evaluation_start_ms=planning.TOMORROW_NINE,
        )
        liar, agreement = Liar(host, sub), await agreement_of(sub)

        receipt = await liar.tell(NEW_ID, opening, agreement)
        assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "pool_min_age_ms")
        assert receipt.alternative == f"at_ms>={announced_ms + HOUR_MS}"

        fresh.pair.watch.pass_ms(HOUR_MS)
        receipt = await liar.tell(NEW_ID[::-1], opening, agreement)
        assert receipt.outcome is Outcome.ACCEPTED


async def test_owner_hides_drawn_expert(table: Table) -> None:
    """Whoever is left out of the listed stratum cannot be drawn; the sealer does not take it."""
    host, sub = table.pair.centers
    draw = await reach(table, sub, words.OWNER, words.HALF)
    honest = await said(sub, draw, AcceptDraw)
    first, *others = honest.listings
    hidden = replace(honest, listings=(Listing(first.specialty, first.entries[32:]), *others))
    swapped = bytes([first.entries[0] ^ 1]) + first.entries[1:]
    other = replace(honest, listings=(Listing(first.specialty, swapped), *others))

    for lie in (hidden, other):
        receipt = await Liar(sub, host).tell(draw, lie)
        assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "V5")
    assert await host.phase(draw) != words.ACCEPTED


async def ruled(table: Table, ruling: Ruling) -> Receipt:
    """The owner skips the first who is drawn, and opens what it can for that."""
    host, sub = table.pair.centers
    draw = await reach(table, host, words.SEALER, words.ASKED)
    theirs, own = table.host.draws._files, table.sub.draws._files
    seen = await host.do(lambda desk: theirs.view(desk, theirs.row(desk, draw)))
    assert seen.walk is not None
    assert seen.walk.pending is not None
    entry = seen.walk.pending.entry
    pool = await sub.do(lambda desk: own.own_pool(desk, own.row(desk, draw)))
    hidden, openings = pool.open(entry, walk.OPENED_FOR[ruling])
    verdict = Verdict(entry, ruling, hidden, openings, seen.walk.head)
    return await Liar(sub, host).tell(draw, verdict)


@pytest.mark.parametrize("ruling", [Ruling.SKIP_STATUS, Ruling.SKIP_LINK, Ruling.SKIP_EMPLOYER])
async def test_unjustified_skip(table: Table, ruling: Ruling) -> None:
    """Nobody is on leave, twice on the list or of a member's employer because the owner says so."""
    receipt = await ruled(table, ruling)
    assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "V11")
    assert "is not what the committed attributes" in receipt.detail


async def test_owner_withholds_reveal_is_blind_and_recorded(table: Table) -> None:
    """At the moment of its choice the owner knows no order, and its silence stays on record."""
    host, sub = table.pair.centers
    draw = await reach(table, sub, words.OWNER, words.COMMITTED)
    ((sealed,),) = await host.sql("SELECT sealed_value FROM draw WHERE conversation = ?", draw)
    value = bytes.fromhex(host.cipher.open("draw.sealed_value", draw.hex(), sealed))
    for name in ("said", "heard", "draw"):
        for row in await sub.sql(f"SELECT * FROM {name}"):
            assert not any(value in cell for cell in row if isinstance(cell, bytes))

    table.pair.cut()
    table.pair.watch.pass_ms(words.MACHINE_MS + 1)
    await host.alarms.ring()
    table.pair.restore()
    await table.turn()

    fault = await said(host, draw, Fault)
    assert fault.phase == words.COMMITTED
    assert await sub.phase(draw) == await host.phase(draw) == words.VOID
    ((kept,),) = await sub.sql(
        "SELECT count(*) FROM heard WHERE conversation = ? AND payload_type LIKE '%Fault+%'", draw
    )
    assert kept == 1, "the owner has it in its own log, too"


async def test_second_open_same_project_refused(table: Table) -> None:
    """Two Opens for one sequence number, the second for a nicer list."""
    host, sub = table.pair.centers
    draw = await reach(table, host, words.SEALER, words.SEALED)
    opening = await said(host, draw, Open)
    liar = Liar(host, sub)

    for again in (opening, replace(opening, sequence=2)):
        receipt = await liar.tell(host.random.bytes(16), again, await agreement_of(sub))
        assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "V2")
    receipt = await liar.tell(draw, opening)
    assert receipt.outcome is Outcome.REFUSED
    assert await sub.phase(draw) == words.SEALED
