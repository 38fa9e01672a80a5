"""A center asks its regulator, two officers decide, and the answer is a word that is kept."""

from dataclasses import replace
from typing import Any

import pytest

from federation.errors import Malformed
from federation.ids import ConversationId
from federation.lottery import ranking
from federation.protocol import draw
from federation.protocol import oversight as words
from federation.protocol.conversation import REFUSED
from federation.protocol.draw import Commit, Open
from federation.protocol.oversight import (
    AskPermit,
    AskUnseal,
    DenyRequest,
    Permit,
    Recuse,
    Unseal,
)
from federation.wire.envelopes import (
    Outcome,
    decode_envelope,
    decode_statement,
    encode_envelope,
    encode_statement,
)
from federation.wire.words import decode_word, encode_word
from node.services.draw_moves import FIRST as FIRST_DRAW
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound
from node.services.house import Desk
from node.services.officers import SamePerson
from node.services.outside_values import envelope_of
from node.services.oversight_asking import ANSWERED, UNANSWERED
from node.services.oversight_deciding import CONFIRM, DECIDE, FALSE_ESCROW, Decision
from node.store import bookings, draws, figures
from node.store import oversight as store
from node.store.oversight import State
from tests.node.services.overseen import FIRST, SECOND, Scene, overseen
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import Center


async def void(at: Scene) -> ConversationId:
    """A draw that came to nothing, sealed by the host."""
    at.pair.silent.add("sub")
    board = at.table.host
    await at.host.do(lambda desk: planning.begin(board.draws, desk, at.table.project, "agency"))
    draw_id = await at.draw()
    await at.pair.later(draw.MACHINE_MS + 1)
    at.pair.silent.discard("sub")
    await at.pair.greet()
    assert await at.host.phase(draw_id) == draw.VOID
    return draw_id


async def asked(at: Scene) -> tuple[ConversationId, bytes]:
    """A void draw, and what was asked about it."""
    draw_id = await void(at)
    request = await at.host.do(
        lambda desk: at.of(at.host).asking.ask_permit(desk, draw_id, "副场设备故障")
    )
    await at.pair.greet()
    return draw_id, request


async def own_permitted(at: Scene) -> None:
    """Leave to draw again from the host's own pool, too: that draw is void with the other."""
    own = await at.draw("OWNER")
    request = await at.host.do(
        lambda desk: at.of(at.host).asking.ask_permit(desk, own, "副场设备故障")
    )
    await at.pair.greet()
    await decided(at, request, Decision.GRANT)


async def opened_as(center: Center, draw_id: bytes) -> bytes:
    """O of a draw, by that center's books."""
    opening = await center.do(lambda desk: envelope_of(desk, draw_id, Open))
    return ranking.open_hash(center.suite, decode_envelope(opening).payload)


async def decided(at: Scene, request: bytes, decision: Decision) -> None:
    """Two officers decide."""
    await at.decide(lambda service, desk: service.deciding.propose(
        desk, request, decision, "已核实", FIRST))  # fmt: skip
    await at.decide(lambda service, desk: service.deciding.confirm(desk, request, SECOND))


async def test_two_officers_permit_another_draw_and_the_permit_is_kept_as_signed() -> None:
    async with overseen() as at:
        draw_id, request = await asked(at)
        (row,) = await at.requests()
        assert (row.word, row.peer, row.subject) == ("AskPermit", at.host.id, bytes(draw_id))
        assert row.state is State.OPEN
        assert await at.todos(at.regulator) == {DECIDE}
        assert await at.host.phase(request) == words.ASKED

        await at.decide(lambda service, desk: service.deciding.propose(
            desk, request, Decision.GRANT, "已核实", FIRST))  # fmt: skip
        assert await at.todos(at.regulator) == {CONFIRM}
        assert await at.said(at.regulator, Permit) == []

        await at.decide(lambda service, desk: service.deciding.confirm(desk, request, SECOND))
        (permit,) = await at.said(at.regulator, Permit)
        assert permit.draw_id == draw_id
        assert permit.open_hash == await opened_as(at.host, draw_id)
        assert permit.open_hash == await opened_as(at.sub, draw_id)
        assert len(set(permit.officers)) == 2
        assert await at.todos(at.regulator) == set()
        assert ANSWERED in await at.todos(at.host)
        assert await at.host.phase(request) == words.PERMITTED
        kept = await at.host.do(lambda desk: store.permit_for(desk.ledger.connection, draw_id))
        assert kept is not None
        assert decode_envelope(kept).payload_type.endswith("Permit+protobuf")


async def test_an_officer_is_a_pseudonym_that_stays_the_same_and_tells_no_account() -> None:
    async with overseen() as at:
        _, request = await asked(at)
        await decided(at, request, Decision.GRANT)
        (permit,) = await at.said(at.regulator, Permit)
        first, second = permit.officers
        own = at.of(at.regulator).deciding._officers
        assert own.pseudonym(at.regulator.suite, FIRST) == first
        assert own.pseudonym(at.regulator.suite, SECOND) == second
        assert at.of(at.host).deciding._officers.pseudonym(at.host.suite, FIRST) != first
        for table in ("said", "log_entry"):
            for row in await at.regulator.sql(f"SELECT * FROM {table}"):
                assert not any(FIRST.encode() in cell for cell in row if isinstance(cell, bytes))


async def test_nobody_confirms_what_he_proposed_himself() -> None:
    async with overseen() as at:
        _, request = await asked(at)
        await at.decide(lambda service, desk: service.deciding.propose(
            desk, request, Decision.GRANT, "已核实", FIRST))  # fmt: skip
        with pytest.raises(SamePerson, match="another officer"):
            await at.decide(lambda service, desk: service.deciding.confirm(desk, request, FIRST))
        assert await at.said(at.regulator, Permit) == []
        assert issubclass(SamePerson, NotAllowed)


async def test_nothing_is_confirmed_before_it_is_proposed_nor_proposed_or_confirmed_twice() -> None:
    async with overseen() as at:
        _, request = await asked(at)
        deciding = at.of(at.regulator).deciding
        with pytest.raises(Conflicting, match="nothing is proposed yet"):
            await at.regulator.do(lambda desk: deciding.confirm(desk, request, SECOND))
        with pytest.raises(Conflicting, match="nothing is proposed"):
            await at.regulator.do(lambda desk: deciding.withdraw(desk, request))
        await at.regulator.do(
            lambda desk: deciding.propose(desk, request, Decision.DENY, "材料不足", FIRST)
        )
        with pytest.raises(Conflicting, match="has proposed"):
            await at.regulator.do(
                lambda desk: deciding.propose(desk, request, Decision.GRANT, "同意", SECOND)
            )
        await at.decide(lambda service, desk: service.deciding.confirm(desk, request, SECOND))
        with pytest.raises(Conflicting, match="decided already"):
            await at.regulator.do(lambda desk: deciding.confirm(desk, request, SECOND))
        with pytest.raises(Conflicting, match="decided already"):
            await at.regulator.do(
                lambda desk: deciding.propose(desk, request, Decision.GRANT, "同意", SECOND)
            )


async def test_an_answer_that_comes_back_after_a_restored_backup_closes_its_request() -> None:
    """The row is of the old copy, the word of the partner's: nobody is asked to decide again."""
    async with overseen() as at:
        _, request = await asked(at)
        (row,) = await at.requests()
        two = (bytes([1]) * 32, bytes([2]) * 32)
        answer = Permit(row.subject, two, await opened_as(at.host, row.subject))
        await at.regulator.do(lambda desk: desk.say(ConversationId(request), answer))
        (row,) = await at.requests()
        assert (row.state, row.decision, row.confirmed_by) == (State.DECIDED, "GRANT", "system")
        assert await at.todos(at.regulator) == set()


async def test_who_thinks_again_withdraws_and_it_begins_anew() -> None:
    async with overseen() as at:
        _, request = await asked(at)
        deciding = at.of(at.regulator).deciding
        await at.decide(lambda service, desk: service.deciding.propose(
            desk, request, Decision.GRANT, "已核实", FIRST))  # fmt: skip
        await at.decide(lambda service, desk: service.deciding.withdraw(desk, request))
        assert await at.todos(at.regulator) == {DECIDE}
        with pytest.raises(Conflicting):
            await at.regulator.do(lambda desk: deciding.confirm(desk, request, SECOND))
        # The second one may now be the first.
        await at.decide(lambda service, desk: service.deciding.propose(
            desk, request, Decision.DENY, "证据不足", SECOND))  # fmt: skip
        await at.decide(lambda service, desk: service.deciding.confirm(desk, request, FIRST))
        (denial,) = await at.said(at.regulator, DenyRequest)
        assert denial.reason == "证据不足"
        assert await at.host.phase(request) == words.DENIED


async def test_what_was_denied_may_be_asked_again_and_what_is_open_or_granted_may_not() -> None:
    async with overseen() as at:
        draw_id, request = await asked(at)

        async def again() -> bytes:
            return await at.host.do(
                lambda desk: at.of(at.host).asking.ask_permit(desk, draw_id, "再次申请")
            )

        with pytest.raises(Conflicting, match="asked before"):
            await again()
        await decided(at, request, Decision.DENY)
        second = await again()
        await at.pair.greet()
        await decided(at, second, Decision.GRANT)
        with pytest.raises(Conflicting, match="asked before"):
            await again()


async def test_leave_given_to_one_center_does_not_keep_it_from_the_other() -> None:
    """Only the host draws again: a sub that asked first would have ended all drawing."""
    async with overseen() as at:
        draw_id = await void(at)
        opening = await at.host.do(lambda desk: envelope_of(desk, draw_id, Open))
        liar = Liar(at.sub, at.regulator)
        receipt = await liar.tell(bytes(16), AskPermit(draw_id, opening, "故障"))
        assert receipt.outcome is Outcome.ACCEPTED
        again = await liar.tell(bytes([1]) * 16, AskPermit(draw_id, opening, "故障"))
        assert again.reason == "CONFLICT"

        request = await at.host.do(
            lambda desk: at.of(at.host).asking.ask_permit(desk, draw_id, "故障")
        )
        await at.pair.greet()
        await at.decide(lambda service, desk: service.deciding.propose(
            desk, request, Decision.GRANT, "已核实", FIRST))  # fmt: skip
        await at.decide(lambda service, desk: service.deciding.confirm(desk, request, SECOND))
        assert await at.host.phase(request) == words.PERMITTED


async def test_the_draw_is_drawn_again_with_the_permit_and_not_without() -> None:
    async with overseen() as at:
        draw_id, request = await asked(at)
        with pytest.raises(Conflicting, match="permit"):
            await at.start()
        await decided(at, request, Decision.GRANT)
        await own_permitted(at)
        await at.start()
        opened = await at.said(at.host, Open)
        assert [each.supersedes for each in opened] == [b"", bytes(draw_id)]
        assert opened[1].permit
        rows = await at.host.sql("SELECT phase FROM conversation WHERE kind = 'draw'")
        assert sorted(rows) == [(draw.SEALED,)] * 2 + [(draw.VOID,)] * 2


async def test_what_a_regulator_does_not_answer_is_told_and_a_late_answer_counts() -> None:
    async with overseen() as at:
        draw_id, request = await asked(at)
        await at.pair.later(words.OFFICERS_MS + 1)
        assert await at.host.phase(request) == words.UNANSWERED
        assert UNANSWERED in await at.todos(at.host)
        await decided(at, request, Decision.GRANT)
        assert await at.host.phase(request) == words.PERMITTED
        assert UNANSWERED not in await at.todos(at.host)
        assert await at.host.do(lambda desk: store.permit_for(desk.ledger.connection, draw_id))


async def test_an_answer_to_something_else_is_refused_also_when_it_is_late() -> None:
    async with overseen() as at:
        draw_id, request = await asked(at)
        await at.pair.later(words.OFFICERS_MS + 1)
        two = (bytes([1]) * 32, bytes([2]) * 32)
        liar = Liar(at.regulator, at.host)
        for answer in (Unseal(draw_id, bytes(32), two), Recuse(draw_id)):
            assert (await liar.tell(request, answer)).reason == "OUT_OF_TURN"
        assert await at.host.phase(request) == words.UNANSWERED


async def test_for_what_was_requested_in_vain_nobody_asks_leave() -> None:
    """It was never opened: there would be nothing to show, and no draw ever again."""
    async with overseen() as at:
        at.pair.silent.add("sub")
        board = at.table.host
        await at.host.do(lambda desk: planning.begin(board.draws, desk, at.table.project, "agency"))
        await at.pair.later(draw.MACHINE_MS + 1)
        draw_id = await at.draw("OWNER")
        assert await at.host.phase(draw_id) == draw.VOID

        with pytest.raises(Conflicting, match="never opened"):
            await at.host.do(
                lambda desk: at.of(at.host).asking.ask_permit(desk, draw_id, "副场失联")
            )

        def again(desk: Desk) -> tuple[Any, int]:
            leg = bookings.get(desk.ledger.connection, at.table.booking)
            files = board.draws._files
            assert leg is not None
            counted = [files.was_opened(desk, row) for row in
                       draws.of_booking(desk.ledger.connection, leg.conversation)]  # fmt: skip
            return board.draws.starting._again(desk, leg, at.host.id), sum(counted)

        assert await at.host.do(again) == (FIRST_DRAW, 1)  # the one that the host has opened


async def test_what_cannot_be_asked_is_told_before_anything_is_said() -> None:
    async with overseen() as at:
        await at.start()
        draw_id = await at.draw()
        asking = at.of(at.host).asking
        with pytest.raises(NotFound):
            await at.host.do(lambda desk: asking.ask_permit(desk, bytes(16), "x"))
        with pytest.raises(Conflicting, match="did not come to nothing"):
            await at.host.do(lambda desk: asking.ask_permit(desk, draw_id, "x"))
        with pytest.raises(Conflicting, match="only the owner"):
            await at.host.do(lambda desk: asking.ask_unseal(desk, draw_id, "x"))
        assert await at.requests() == []


async def test_a_reason_that_nobody_could_read_is_refused_at_once() -> None:
    async with overseen() as at:
        draw_id = await void(at)
        for reason in ("", "a\nb", "x" * 10_000):
            with pytest.raises(Invalid):
                await at.host.do(
                    lambda desk, reason=reason: at.of(at.host).asking.ask_permit(  # type: ignore[misc]
                        desk, draw_id, reason
                    )
                )


async def test_without_a_regulator_in_the_agreement_nobody_is_asked() -> None:
    async with overseen(regulator=False) as at:
        draw_id = await void(at)
        with pytest.raises(Conflicting, match="names no regulator"):
            await at.host.do(lambda desk: at.of(at.host).asking.ask_permit(desk, draw_id, "x"))


async def test_a_center_is_no_regulator_whoever_asks_it() -> None:
    async with overseen() as at:
        draw_id = await void(at)
        opening = await at.host.do(lambda desk: envelope_of(desk, draw_id, Open))
        word = AskPermit(bytes(draw_id), opening, "x")
        said = await at.host.do(lambda desk: desk.open(at.neighbour.id, None, word))
        await at.pair.greet()
        assert await at.host.phase(said.conversation.id) == REFUSED
        assert (await at.refusals(at.neighbour))[-1] == ("NOT_ALLOWED", "this node is no regulator")
        assert UNANSWERED in await at.todos(at.host)


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("bytes", "cannot be read"),
        ("another draw", "of another draw"),
        ("another word", "in place of Open"),
        ("forged", "cannot be verified"),
        ("not its draw", "not yours"),
    ],
)
async def test_a_lie_about_a_draw_is_refused_and_no_officer_is_called(lie: str, said: str) -> None:
    async with overseen() as at:
        await at.start()
        draw_id = bytes(await at.draw())
        asker: Center = at.host
        opening = await at.host.do(lambda desk: envelope_of(desk, draw_id, Open))
        if lie == "bytes":
            opening = b"\xff not an envelope"
        elif lie == "another draw":
            draw_id = bytes(16)
        elif lie == "another word":
            opening = await at.host.do(
                lambda desk: envelope_of(desk, draw_id, Commit, by=at.host.id)
            )
        elif lie == "forged":
            opening = opening.replace(b"experts", b"Experts")
            opening = opening[:-1] + bytes([opening[-1] ^ 1])
        else:
            asker = at.neighbour
        word = AskPermit(draw_id, opening, "x")
        await asker.do(lambda desk: desk.open(at.regulator.id, None, word))
        await at.pair.greet()
        reason, detail = (await at.refusals(at.regulator))[-1]
        assert reason in {"MALFORMED", "NOT_ALLOWED"}
        assert said in detail or lie == "bytes", detail
        assert await at.requests() == []
        assert await at.todos(at.regulator) == set()


async def unsealing(at: Scene) -> tuple[ConversationId, bytes]:
    """The sub is silent after the lists were sealed; the host asks to open its escrow."""
    await at.start()
    draw_id = await at.draw("OWNER")
    at.pair.silent.add("sub")
    request = await at.host.do(
        lambda desk: at.of(at.host).asking.ask_unseal(desk, draw_id, "副场失联")
    )
    await at.pair.greet()
    return draw_id, request


async def test_two_officers_open_the_silent_sealers_escrow() -> None:
    async with overseen() as at:
        draw_id, request = await unsealing(at)
        assert await at.host.phase(request) == words.UNSEALING
        await decided(at, request, Decision.GRANT)
        (word,) = await at.said(at.regulator, Unseal)
        (commit,) = [each for each in await at.said(at.sub, Commit) if each.escrow]
        opening = await at.host.do(lambda desk: envelope_of(desk, draw_id, Open))
        bound = ranking.open_hash(at.host.suite, decode_envelope(opening).payload)
        opened = ranking.commitment(at.host.suite, bound, at.sub.id, word.value)
        assert opened == commit.commitment
        assert at.told == [("host", bytes(draw_id), word)]
        assert await at.host.do(lambda desk: store.unsealed_for(desk.ledger.connection, draw_id))
        assert FALSE_ESCROW not in await at.todos(at.regulator)


async def test_a_false_escrow_is_told_and_kept_as_proof() -> None:
    async with overseen() as at:
        moves = at.table.sub.draws._moves
        honest = moves._escrow

        def lying(*args: Any) -> bytes:
            escrow: bytes = honest(*args)
            return escrow[:-1] + bytes([escrow[-1] ^ 1])

        moves._escrow = lying  # type: ignore[assignment, method-assign]
        draw_id, request = await unsealing(at)
        await decided(at, request, Decision.GRANT)
        (word,) = await at.said(at.regulator, DenyRequest)
        assert "false escrow" in word.reason
        assert await at.said(at.regulator, Unseal) == []
        assert FALSE_ESCROW in await at.todos(at.regulator)
        (row,) = await at.requests()
        assert row.false_escrow is not None
        seen = await at.regulator.do(
            lambda desk: figures.count(desk.ledger.connection, desk.now_ms)
        )
        assert seen.false_escrows == 1
        assert await at.host.phase(request) == words.DENIED
        del draw_id


async def test_a_regulator_that_lies_about_the_value_is_refused() -> None:
    async with overseen() as at:
        _, request = await unsealing(at)
        (row,) = await at.requests()

        def lie(desk: Desk) -> None:
            officers = (bytes([1]) * 32, bytes([2]) * 32)
            desk.say(ConversationId(row.id), Unseal(row.subject, bytes(32), officers))

        await at.regulator.do(lie)
        await at.pair.greet()
        reason, detail = (await at.refusals(at.host))[-1]
        assert (reason, detail) == (
            Malformed.reason,
            "the value does not open the sealer's commitment",
        )
        assert await at.host.phase(request) == words.UNSEALING


async def test_one_officer_named_twice_is_not_two() -> None:
    async with overseen() as at:
        _, request = await asked(at)
        (row,) = await at.requests()
        alone = Permit(row.subject, (bytes(32), bytes(32)), await opened_as(at.host, row.subject))
        await at.regulator.do(lambda desk: desk.say(ConversationId(row.id), alone))
        await at.pair.greet()
        assert "two different officers" in (await at.refusals(at.host))[-1][1]
        assert await at.host.phase(request) == words.ASKED


async def test_leave_for_another_opening_of_the_draw_is_not_taken() -> None:
    async with overseen() as at:
        draw_id, request = await asked(at)
        two = (bytes([1]) * 32, bytes([2]) * 32)
        other = Permit(draw_id, two, bytes(32))
        await at.regulator.do(lambda desk: desk.say(ConversationId(request), other))
        await at.pair.greet()
        reason, detail = (await at.refusals(at.host))[-1]
        assert (reason, detail) == (
            Malformed.reason,
            "the permit is for another opening of that draw",
        )
        assert await at.host.phase(request) == words.ASKED


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        ({"open_hash": bytes(32)}, "the permit is for another opening of that draw"),
        ({"officers": (bytes(32), bytes(32))}, "the permit is not by two different officers"),
    ],
    ids=["another opening", "one officer"],
)
async def test_no_draw_is_opened_again_with_leave_that_is_none(
    monkeypatch: pytest.MonkeyPatch, lie: dict[str, Any], problem: str
) -> None:
    """What the host shows is signed by the regulator, and names the draw."""
    async with overseen() as at:
        draw_id, request = await asked(at)
        await decided(at, request, Decision.GRANT)
        await own_permitted(at)
        kept = await at.host.do(lambda desk: store.permit_for(desk.ledger.connection, draw_id))
        assert kept is not None
        given = decode_envelope(kept)
        statement = decode_statement(given.payload)
        genuine = decode_word(given.payload_type, statement.body)
        assert isinstance(genuine, Permit)
        other = replace(statement, body=encode_word(replace(genuine, **lie)))
        (forged,) = at.regulator.sign([(given.payload_type, encode_statement(other))])
        usual = store.permit_for
        monkeypatch.setattr(
            store,
            "permit_for",
            lambda conn, of: encode_envelope(forged) if of == draw_id else usual(conn, of),
        )

        await at.start()

        assert ("NOT_ALLOWED", problem) in await at.refusals(at.sub)
        rows = await at.host.sql(
            "SELECT phase FROM conversation JOIN draw ON draw.conversation = conversation.id"
            " WHERE draw.role = 'SEALER'"
        )
        assert sorted(rows) == [(REFUSED,), (draw.VOID,)]


@pytest.mark.parametrize("lie", ["owner's commit", "another draw", "asked by the sealer"])
async def test_a_lie_about_an_escrow_is_refused(lie: str) -> None:
    async with overseen() as at:
        await at.start()
        draw_id = bytes(await at.draw("OWNER"))

        def word(desk: Desk) -> AskUnseal:
            opening = envelope_of(desk, draw_id, Open)
            commit = envelope_of(desk, draw_id, Commit, by=at.sub.id)
            return AskUnseal(draw_id, opening, commit, "x")

        asker = at.sub if lie == "asked by the sealer" else at.host
        shown = await asker.do(word)
        if lie == "owner's commit":
            own = await at.host.do(lambda desk: envelope_of(desk, draw_id, Commit, by=at.host.id))
            shown = replace(shown, commit=own)
        elif lie == "another draw":
            other = await at.draw("SEALER")
            commit = await at.sub.do(lambda desk: envelope_of(desk, other, Commit, by=at.sub.id))
            shown = replace(shown, commit=commit)
        await asker.do(lambda desk: desk.open(at.regulator.id, None, shown))
        await at.pair.greet()
        assert await at.refusals(at.regulator)
        assert await at.requests() == []
