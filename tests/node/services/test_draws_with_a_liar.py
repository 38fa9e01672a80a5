"""Draws with a peer that lies or is late: signed words that are well-formed and wrong.

Whatever it says, it gets a signed receipt; nothing that it says can make the other node fail,
since it would deliver the word again for ever.
"""

from dataclasses import replace
from typing import Final

import pytest

from federation.ids import ConversationId
from federation.protocol import draw as words
from federation.protocol import session
from federation.protocol.booking import ExpertNeed, Hold, SelectionMode
from federation.protocol.conversation import Phase
from federation.protocol.draw import (
    AcceptDraw,
    Close,
    Commit,
    Fault,
    Listing,
    Open,
    Report,
    RequestDraw,
    Rescue,
    Response,
    Result,
    Reveal,
    Slot,
)
from federation.wire.envelopes import Outcome, Receipt, decode_envelope, decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services.house import Desk
from node.store import bookings
from tests.node.services.test_draws import Table, laid, table
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import Center
from tests.support.signed import report_signed

__all__ = ["table"]

NEW_ID: Final = bytes(range(16))
ROUNDS: Final = 400  # a draw of five experts takes some eighty
WAITS: Final = [  # (who lets the phase pass, as what, in which phase)
    ("host", words.OWNER, words.REQUESTED),
    ("host", words.SEALER, words.OPENED),
    ("host", words.SEALER, words.COMMITTED),
    ("host", words.OWNER, words.WALKING),
    ("host", words.SEALER, words.ASKED),
    ("host", words.SEALER, words.INVITED),
    ("sub", words.SEALER, words.OPENED),
    ("sub", words.OWNER, words.HALF),
    ("sub", words.SEALER, words.COMMITTED),
    ("sub", words.OWNER, words.WALKING),
    ("sub", words.SEALER, words.ASKED),
    ("sub", words.SEALER, words.INVITED),
]


def refused_as(receipt: Receipt, reason: str) -> bool:
    return (receipt.outcome, receipt.reason) == (Outcome.REFUSED, reason)


async def agreement_of(center: Center) -> bytes:
    ((agreement,),) = await center.sql("SELECT id FROM agreement")
    return bytes(agreement)


async def the_draw(center: Center, role: str) -> bytes:
    ((draw,),) = await center.sql("SELECT conversation FROM draw WHERE role = ?", role)
    return bytes(draw)


async def reach(table: Table, center: Center, role: str, phase: str) -> bytes:
    """Let the draws go on until one is in a phase at a center; answers its id."""
    pair = table.pair
    await table.host.center.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    for _ in range(ROUNDS):
        found = await center.sql(
            "SELECT d.conversation FROM draw d JOIN conversation c ON c.id = d.conversation"
            " WHERE d.role = ? AND c.phase = ?",
            role,
            phase,
        )
        if found:
            return bytes(found[0][0])
        for at in pair.centers:
            if await at.outbox.deliver(pair.other(at).id) or await at.errands.run_due():
                break
            await at.outbox.greet(pair.other(at).id)
    raise AssertionError(f"no draw of {center.name} as {role} was ever {phase}")


async def words_of(center: Center, draw: bytes, name: str) -> list[bytes]:
    rows = await center.sql(
        "SELECT payload FROM said WHERE conversation = ? AND payload_type LIKE ?",
        draw,
        f"%draw.{name}+%",
    )
    return [bytes(raw) for (raw,) in rows]


@pytest.mark.parametrize(("name", "role", "phase"), WAITS)
async def test_a_fault_may_cross_any_word(table: Table, name: str, role: str, phase: str) -> None:
    pair = table.pair
    waiting = pair.host if name == "host" else pair.sub
    draw = await reach(table, waiting, role, phase)

    # Nothing is delivered while the deadline passes; then everything at once.
    pair.watch.pass_ms(words.DRAW.waits[Phase(phase)].limit_ms)
    await waiting.alarms.ring()
    await pair.settle()

    assert await waiting.phase(draw) == words.VOID
    for center in pair.centers:
        assert center.outbox.link(pair.other(center).id).last_error == ""
        assert await center.sql("SELECT count(*) FROM said WHERE receipt IS NULL") == [(0,)]
        assert await center.phase(draw) in {words.VOID, "REFUSED"}


@pytest.mark.parametrize(("name", "role", "phase"), WAITS)
async def test_a_fault_before_anything_is_overdue_is_refused(
    table: Table, name: str, role: str, phase: str
) -> None:
    pair = table.pair
    hasty = pair.host if name == "host" else pair.sub
    draw = await reach(table, hasty, role, phase)
    victim = pair.other(hasty)
    pair.wire.replies_lost = True  # what it has said so far is heard, but not answered
    await hasty.outbox.deliver(victim.id)
    pair.restore()
    before = await victim.phase(draw)

    receipt = await Liar(hasty, victim).tell(draw, Fault(phase, "I do not like it"))

    assert refused_as(receipt, "NOT_ALLOWED")
    assert await victim.phase(draw) == before


@pytest.mark.parametrize("phase", [words.WALKING, "no phase", words.SEALED])
async def test_only_the_side_whose_deadline_it_is_may_say_fault(table: Table, phase: str) -> None:
    draw = await reach(table, table.pair.host, words.SEALER, words.SEALED)
    table.pair.watch.pass_ms(61 * 86_400_000)

    receipt = await Liar(table.pair.host, table.pair.sub).tell(draw, Fault(phase, "late"))

    assert refused_as(receipt, "NOT_ALLOWED")


def a_request(table: Table, **changes: object) -> RequestDraw:
    usual = RequestDraw(
        booking_id=table.booking,
        pool="experts",
        epoch="2026-05",
        slots=(Slot("A0803", 1),),
        bid_deadline_ms=planning.TOMORROW_NINE - 3_600_000,
        evaluation_start_ms=planning.TOMORROW_NINE,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


async def test_an_owner_cannot_draw_again_until_it_likes_the_list(table: Table) -> None:
    await table.start()
    liar = Liar(table.pair.host, table.pair.sub)

    receipt = await liar.tell(NEW_ID, a_request(table), await agreement_of(table.pair.sub))

    assert refused_as(receipt, "NOT_ALLOWED")
    assert receipt.clause == "V2"
    assert await table.sub.center.sql("SELECT count(*) FROM draw") == [(2,)]


async def test_a_sub_cannot_start_a_draw(table: Table) -> None:
    liar = Liar(table.pair.sub, table.pair.host)
    agreement = await agreement_of(table.pair.host)
    (announced,) = await table.pair.host.sql(
        "SELECT root FROM pool_announcement WHERE owner = ?", table.pair.host.id
    )
    opening = Open(
        booking_id=table.booking,
        sequence=1,
        pool="experts",
        epoch="2026-05",
        root=announced[0],
        slots=(Slot("A0803", 2), Slot("A0801", 1)),
        contributors=(table.pair.host.id, table.pair.sub.id),
        bid_deadline_ms=planning.TOMORROW_NINE - 3_600_000,
        evaluation_start_ms=planning.TOMORROW_NINE,
    )

    assert refused_as(await liar.tell(NEW_ID, a_request(table), agreement), "NOT_ALLOWED")
    assert refused_as(await liar.tell(NEW_ID[::-1], opening, agreement), "NOT_ALLOWED")
    assert await table.host.center.sql("SELECT count(*) FROM draw") == [(0,)]


async def test_one_specialty_in_two_slots_is_refused(table: Table) -> None:
    """The same entry could be invited twice."""
    liar = Liar(table.pair.host, table.pair.sub)
    twice = a_request(table, slots=(Slot("A0803", 1), Slot("A0803", 1)))

    receipt = await liar.tell(NEW_ID, twice, await agreement_of(table.pair.sub))

    assert refused_as(receipt, "MALFORMED")


@pytest.mark.parametrize(
    ("terms", "slots", "clause"),
    [
        ({"pool_min_ratio": 2}, (Slot("A0803", 9),), "pool_min_ratio"),
        ({"pool_min_age_ms": 2 * 86_400_000}, None, "pool_min_age_ms"),
        ({"specialty_prefixes": ("A",)}, (Slot("B01", 1),), "specialty_prefixes"),
        ({"draw_earliest_ms": 60_000}, None, "draw_earliest_ms"),
    ],
)
async def test_a_draw_that_the_terms_do_not_allow_is_refused(
    terms: dict[str, object], slots: tuple[Slot, ...] | None, clause: str
) -> None:
    async with laid(terms) as table:
        liar = Liar(table.pair.host, table.pair.sub)
        word = a_request(table) if slots is None else a_request(table, slots=slots)
        receipt = await liar.tell(NEW_ID, word, await agreement_of(table.pair.sub))
        assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, clause)
        assert receipt.alternative


async def test_a_hold_that_names_a_specialty_twice_is_refused(table: Table) -> None:
    hold = Hold(
        bundle_id=NEW_ID,
        participants=(table.pair.sub.id,),
        start_ms=planning.TOMORROW_NINE,
        end_ms=planning.TOMORROW_NINE + 3_600_000,
        seats=2,
        equipment=(),
        overnight=False,
        project_kind="A",
        experts=(ExpertNeed("A0803", 1), ExpertNeed("A0803", 1)),
        selection=SelectionMode.CHOSEN,
    )

    receipt = await Liar(table.pair.host, table.pair.sub).tell(
        NEW_ID, hold, await agreement_of(table.pair.sub)
    )

    assert refused_as(receipt, "MALFORMED")


@pytest.mark.parametrize(
    "changes",
    [
        {"booking_id": NEW_ID},
        {"bid_deadline_ms": planning.TOMORROW_NINE - 1},
        {"slots": (Slot("A0803", 1),)},
        {"exclusion_commitment": b""},
    ],
)
async def test_an_open_must_be_of_the_draw_that_was_requested(
    table: Table, changes: dict[str, object]
) -> None:
    host, sub = table.pair.centers
    table.pair.wire.replies_lost = True  # the sub has opened; the host has not heard of it
    await host.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    await host.outbox.deliver(sub.id)
    table.pair.restore()
    draw = await the_draw(host, words.OWNER)
    (payload,) = await words_of(sub, draw, "Open")
    honest = decode_word(PAYLOAD_TYPES[Open], decode_statement(payload).body)
    assert isinstance(honest, Open)

    receipt = await Liar(sub, host).tell(draw, replace(honest, **changes))  # type: ignore[arg-type]

    assert refused_as(receipt, "NOT_ALLOWED")
    assert await host.phase(draw) == words.REQUESTED


async def test_an_order_is_not_opened_before_the_report_is_signed(table: Table) -> None:
    await table.start()
    table.pair.watch.now_ms = planning.WINDOW.end_ms
    host, sub = table.pair.centers
    draw = await the_draw(host, words.SEALER)
    await host.do(lambda desk: table.host.draws.close_all(desk, table.booking))

    await host.outbox.deliver(sub.id)

    _, receipt = sub.listener.receipts[-1]
    assert refused_as(receipt, "TOO_EARLY")
    assert await sub.phase(draw) == words.SEALED


async def test_a_close_that_overtook_the_finish_is_said_again(table: Table) -> None:
    await table.start()
    host, sub = table.pair.centers
    draw = await the_draw(host, words.SEALER)
    talk = await sub.do(lambda desk: report_signed(desk, table.booking))
    await _phase(sub, talk, session.SIGNING)
    await host.do(lambda desk: table.host.draws.close_all(desk, table.booking))

    await host.outbox.deliver(sub.id)

    _, receipt = sub.listener.receipts[-1]
    assert (receipt.outcome, receipt.reason) == (Outcome.GAP, "TOO_EARLY")
    await _phase(sub, talk, session.FINISHED)
    await table.pair.later(60_000)
    assert await sub.phase(draw) == await host.phase(draw) == words.CLOSED


async def test_nobody_goes_on_in_a_draw_that_came_to_nothing_before_it_walked(
    table: Table,
) -> None:
    """Else an owner would have a draw that is neither void nor anybody's, without a regulator."""
    sub = table.pair.sub
    draw = await reach(table, sub, words.SEALER, words.OPENED)
    await sub.do(lambda desk: desk.say(ConversationId(draw), Fault(words.OPENED, "late")))
    liar = Liar(table.pair.host, sub)

    for word in (
        Rescue(b"made up"),
        Result(bytes(32), bytes(32), 1, 2),
        Report(bytes(32), Response.ACCEPT, bytes(32), bytes(32)),
    ):
        assert refused_as(await liar.tell(draw, word), "OUT_OF_TURN")
    assert await sub.phase(draw) == words.VOID


async def test_nobody_voids_a_draw_by_waiting_in_a_phase_that_is_its_own(table: Table) -> None:
    """An owner that calls somebody whom it does not like is not waiting for the sealer."""
    sub = table.pair.sub
    draw = await reach(table, sub, words.SEALER, words.INVITED)
    table.pair.watch.pass_ms(words.MACHINE_MS + 1)
    for phase in (words.WALKING, words.HALF, words.REQUESTED):
        receipt = await Liar(table.pair.host, sub).tell(draw, Fault(phase, "late"))
        assert (receipt.reason, receipt.clause) == ("NOT_ALLOWED", "phase")
    assert await sub.phase(draw) == words.INVITED


async def test_nobody_walks_where_the_owner_has_not_revealed(table: Table) -> None:
    """Else it would choose, knowing the other's value, between the order with its own and none."""
    sub = table.pair.sub
    draw = await reach(table, sub, words.SEALER, words.COMMITTED)
    await sub.do(lambda desk: desk.say(ConversationId(draw), Fault(words.COMMITTED, "late")))
    receipt = await Liar(table.pair.host, sub).tell(draw, Rescue(b"made up"))
    assert (receipt.reason, await sub.phase(draw)) == ("OUT_OF_TURN", words.VOID)


async def test_nobody_commits_or_reveals_again_after_a_fault(table: Table) -> None:
    """Whoever knows the other's value by then would choose its own by the order."""
    sub = table.pair.sub
    draw = await reach(table, sub, words.SEALER, words.WALKING)
    await sub.do(lambda desk: desk.say(ConversationId(draw), Fault(words.WALKING, "late")))
    liar = Liar(table.pair.host, sub)
    ((raw,),) = await sub.sql(
        "SELECT envelope FROM heard WHERE conversation = ? AND payload_type = ?",
        draw,
        PAYLOAD_TYPES[AcceptDraw],
    )
    said = decode_envelope(raw)
    accepted = decode_word(said.payload_type, decode_statement(said.payload).body)

    for word in (accepted, Commit(bytes(32)), Reveal(bytes(32))):
        receipt = await liar.tell(draw, word)
        assert (receipt.reason, receipt.detail[-15:]) == ("OUT_OF_TURN", "was said before")


async def test_who_refuses_the_order_that_it_sees_has_drawn_all_the_same(table: Table) -> None:
    """The Reveal shows a sealer the order, a Next an owner: a refusal of theirs frees nobody."""
    host = table.pair.host
    draw = await reach(table, host, words.OWNER, words.HALF)
    files = table.host.draws._files
    start = table.host.draws.starting

    def superseded(desk: Desk) -> bytes:
        leg = bookings.get(desk.ledger.connection, files.row(desk, draw).booking)
        assert leg is not None
        return start._again(desk, leg, host.id).supersedes

    await _phase(host, draw, "REFUSED")
    assert await host.do(superseded) == b""  # nobody could see anything
    await _phase(host, draw, words.HALF)
    for _ in range(ROUNDS):
        await table.pair.settle()
        if await host.phase(draw) == words.SEALED:
            break
    await _phase(host, draw, "REFUSED")
    assert await host.do(superseded) == draw


async def _phase(center: Center, talk: bytes, phase: str) -> None:
    await center.database.alone(
        lambda connection: connection.execute(
            "UPDATE conversation SET phase = ? WHERE id = ?", (phase, talk)
        )
    )


async def test_a_step_in_a_draw_that_was_never_opened_is_refused(table: Table) -> None:
    """The owner refuses the Open, but only after its own Fault."""
    host, sub = table.pair.centers
    table.pair.wire.replies_lost = True
    await host.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    await host.outbox.deliver(sub.id)
    table.pair.restore()
    draw = await the_draw(host, words.OWNER)
    liar = Liar(host, sub)
    table.pair.watch.pass_ms(words.MACHINE_MS)
    assert (await liar.tell(draw, Fault(words.REQUESTED, "late"))).outcome is Outcome.ACCEPTED
    await sub.database.alone(
        lambda connection: connection.execute(
            "UPDATE said SET accepted = 0 WHERE conversation = ?", (draw,)
        )
    )

    receipts = [
        await liar.tell(draw, word)
        for word in (
            AcceptDraw((Listing("A0803", bytes(32)),)),
            Close(bytes(32), bytes(32)),
        )
    ]

    assert [receipt.reason for receipt in receipts] == ["OUT_OF_TURN", "OUT_OF_TURN"]
