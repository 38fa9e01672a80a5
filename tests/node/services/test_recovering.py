"""A center that runs on an old copy: its seats, bundles and people after its words are back."""

from collections.abc import Callable

from federation.engine.acquaintance import News, Turn, read_link
from federation.engine.reconciler import Difference, Verdict
from federation.engine.recovery import WHOLE, Standing
from federation.ids import CenterId, ConversationId
from federation.protocol import booking
from node.services import descriptors, recovery_todos
from node.services.house import Desk
from node.services.recovering import Recovering
from node.store import bookings as store
from node.store import todos, venues
from tests.node.services.test_bookings import phases, todo_kinds
from tests.support.pair import Center, TwoCenters, two_centers
from tests.support.planning import (
    AGENCY,
    Office,
    Offices,
    accepted,
    held,
    request,
    seated,
    vote,
)
from tests.support.restored import Nurse


def recovering(pair: TwoCenters, center: Center) -> Recovering:
    return Recovering(
        negotiator=center.negotiator,
        ask=center.outbox.ask,
        peers=lambda: [pair.other(center).id],
        observe=lambda _: None,
    )


async def seats_held(office: Office, holder: bytes) -> int:
    return len(await office.center.do(lambda desk: venues.held(desk.ledger.connection, holder)))


async def heal(nurse: Nurse, loop: Recovering) -> None:
    """What the loop does, and what the operator types."""
    await nurse.greet()
    standing = await loop.round()
    if standing.epoch_needed:
        await nurse.announce()
        standing = await loop.round()
    assert standing == WHOLE


async def test_a_sub_that_voted_yes_keeps_its_seats_reserved_again() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.sub)
        loop = recovering(pair, pair.sub)
        await pair.agree()
        await seated(offices)
        project_id = await accepted(offices)
        copy = await nurse.backup()
        await offices.host.center.do(
            lambda desk: offices.host.bookings.plan(desk, project_id, request(pair.sub.id), AGENCY)
        )
        await pair.settle()
        (leg,) = await offices.host.center.do(
            lambda desk: offices.host.bookings.of_project(desk, project_id)
        )
        await vote(offices, leg.conversation, yes=True)
        await pair.settle()
        seats = await seats_held(offices.sub, leg.conversation)
        assert seats > 0

        await nurse.restore(copy)
        assert await seats_held(offices.sub, leg.conversation) == 0
        await heal(nurse, loop)
        assert await seats_held(offices.sub, leg.conversation) == seats
        assert await phases(pair, leg.conversation) == [booking.CONFIRMED, booking.CONFIRMED]
        row = await offices.sub.center.do(
            lambda desk: store.get(desk.ledger.connection, leg.conversation)
        )
        assert row is not None
        assert row.phase == booking.CONFIRMED
        assert recovery_todos.GAP not in await todo_kinds(offices.sub, "staff")
        kinds = await todo_kinds(offices.sub, "operator")
        assert recovery_todos.RECOVERED in kinds
        assert recovery_todos.RECOVERING not in kinds


async def test_a_host_knows_its_decision_again() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.host)
        loop = recovering(pair, pair.host)
        _, booking_id = await held(pair, offices)
        copy = await nurse.backup()
        await vote(offices, booking_id, yes=True)
        await pair.settle()
        before = await pair.host.sql("SELECT phase, decision FROM bundle")
        words = await pair.host.sql("SELECT hash FROM said ORDER BY number")

        await nurse.restore(copy)
        await heal(nurse, loop)
        assert await pair.host.sql("SELECT phase, decision FROM bundle") == before
        assert await pair.host.sql("SELECT hash FROM said ORDER BY number") == words
        assert await phases(pair, booking_id) == [booking.CONFIRMED, booking.CONFIRMED]
        assert recovery_todos.GAP not in await todo_kinds(offices.host, "staff")


async def test_a_bundle_whose_project_is_lost_is_told_to_the_staff() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.host)
        loop = recovering(pair, pair.host)
        copy = await nurse.backup()
        _, booking_id = await held(pair, offices)
        await vote(offices, booking_id, yes=True)
        await pair.settle()
        agreements = await pair.host.sql("SELECT 1 FROM agreement")
        assert agreements

        await nurse.restore(copy)
        await heal(nurse, loop)
        # No promise is forgotten: the conversation stands, and people know what to do.
        assert await pair.host.phase(booking_id) == booking.CONFIRMED
        assert recovery_todos.GAP in await todo_kinds(offices.host, "staff")
        found = await pair.host.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
        (told,) = [each for each in found if each.kind == recovery_todos.GAP]
        assert told.subject == booking_id
        assert "CONFIRMED" in told.en


async def operators(center: Center) -> dict[str, str]:
    found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
    return {each.kind: each.en for each in found}


async def test_operators_are_told_whom_the_node_waits_for_and_may_go_on() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.sub)
        stood: list[Standing] = []
        loop = Recovering(
            negotiator=pair.sub.negotiator,
            ask=pair.sub.outbox.ask,
            peers=lambda: [pair.host.id],
            observe=stood.append,
        )
        await nurse.lose()
        await loop.note()
        told = await operators(pair.sub)
        assert pair.host.id in told[recovery_todos.RECOVERING]
        assert "lianping recover --without" in told[recovery_todos.RECOVERING]
        pair.cut()
        await loop.round()
        assert "lost" in loop.missed[pair.host.id]
        assert not await loop.go_on_without(pair.sub.id)
        assert await loop.go_on_without(pair.host.id)
        await loop.round()
        told = await operators(pair.sub)
        assert recovery_todos.RECOVERING not in told
        assert pair.host.id in told[recovery_todos.WITHOUT]
        assert not loop.standing.recovering
        pair.restore()
        assert await loop.round() == WHOLE
        assert recovery_todos.WITHOUT not in await operators(pair.sub)
        assert [each.recovering for each in stood] == [True, False, False]


async def test_a_partner_is_told_that_the_other_went_on_from_a_backup() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        nurse = Nurse(pair, pair.sub)
        known = pair.host.keyring.peers[pair.sub.id]
        await nurse.announce()
        assert pair.host.keyring.peers[pair.sub.id].log_epoch == 1
        signed_link = read_link(pair.sub.identity.signed_descriptor)
        pair.host.keyring.forget(pair.sub.id)
        pair.host.keyring.pin(known)

        def note(desk: Desk) -> None:
            descriptors.note(desk, pair.sub.id, News(Turn.NEWER, (signed_link,)), [signed_link])

        await pair.host.do(note)
        assert "went on from a backup" in (await operators(pair.host))[descriptors.EPOCH]


async def test_what_the_books_disagree_on_is_shown_with_both_views_until_it_is_gone() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        loop = recovering(pair, pair.sub)
        _, booking_id = await held(pair, offices)

        async def set_phase(phase: str) -> None:
            await pair.sub.do(
                lambda desk: desk.ledger.connection.execute(
                    "UPDATE conversation SET phase = ? WHERE id = ?", (phase, booking_id)
                )
            )

        await set_phase(booking.CONFIRMED)
        await loop.compare()
        assert recovery_todos.APART not in await todo_kinds(offices.sub, "staff")
        await loop.compare()
        found = await pair.sub.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
        (told,) = [each for each in found if each.kind == recovery_todos.APART]
        assert told.subject == booking_id
        for text in (told.zh, told.en):
            assert booking.CONFIRMED in text
            assert booking.HELD in text
        await set_phase(booking.HELD)
        await loop.compare()
        assert recovery_todos.APART not in await todo_kinds(offices.sub, "staff")


async def test_a_partner_that_names_conversations_without_end_leaves_few_to_dos() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        third = CenterId("lp1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")

        def apart(first: int, count: int) -> list[Difference]:
            return [
                Difference(
                    ConversationId(at.to_bytes(16, "big")),
                    Verdict.WE_LOST,
                    "",
                    "HELD",
                    (0, 0),
                    (0, 1),
                )
                for at in range(first, first + count)
            ]

        def note(peer: CenterId, found: list[Difference]) -> Callable[[Desk], None]:
            return lambda desk: recovery_todos.note_differences(desk, peer, found)

        async def count() -> int:
            return (await todo_kinds(offices.sub, "staff")).count(recovery_todos.APART)

        await pair.sub.do(note(pair.host.id, apart(0, 1_000)))
        assert await count() == recovery_todos.MAX_UNKNOWN
        await pair.sub.do(note(third, apart(5_000, 1)))
        assert await count() == recovery_todos.MAX_UNKNOWN + 1, "another partner's are left alone"
        await pair.sub.do(note(pair.host.id, []))
        assert await count() == 1
