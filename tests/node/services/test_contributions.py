"""A regulator and a neighbour give random values to draws of others, and look after them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from federation.engine.inside import Said
from federation.errors import Malformed
from federation.ids import AgreementId, CenterId, ConversationId
from federation.lottery import ranking
from federation.lottery.escrow import FalseEscrow, open_escrow
from federation.protocol import contribution as words
from federation.protocol import draw
from federation.protocol.contribution import Account, AskValue, Bind, Pledge
from federation.protocol.conversation import Kind
from federation.protocol.draw import Commit, Fault, Open, Reveal
from federation.wire.envelopes import (
    Outcome,
    decode_envelope,
    decode_receipt,
    decode_statement,
    encode_envelope,
    encode_statement,
)
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.services import outside_values
from node.services.contributions import LEFT_OUT
from node.services.draw_files import verified_in, word_in
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.outside_values import envelope_of
from node.store import contributions
from tests.node.services.test_draws import Table, laid
from tests.node.services.test_why import whys
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import Center
from tests.support.witnessed import Witnessed, witnessed

MINUTE_MS = 60_000


@dataclass
class Scene:
    """A host, a sub, a regulator and a neighbour, about to draw."""

    table: Table
    pair: Witnessed

    @property
    def regulator(self) -> Center:
        return self.pair.others[0]

    @property
    def neighbour(self) -> Center:
        return self.pair.others[1]

    async def start(self) -> None:
        host = self.table.host
        await host.center.do(
            lambda desk: planning.begin(host.draws, desk, self.table.project, planning.AGENCY)
        )
        await self.pair.greet()

    def keep_back(self) -> None:
        """The neighbour pledges, and then never opens its value."""
        inside: Any = self.neighbour.negotiator.inside
        reaction = inside._reactions[Kind.CONTRIBUTION]
        honest = reaction.heard

        def heard(desk: Desk, spoken: Said) -> None:
            if not isinstance(spoken.word, Bind):
                honest(desk, spoken)

        reaction.heard = heard

    async def refusals(self, center: Center) -> list[tuple[str, str]]:
        """What a center has refused, and by which clause."""
        rows = await center.sql(
            "SELECT receipt_payload FROM heard WHERE accepted = 0 ORDER BY log_index"
        )
        receipts = [decode_receipt(decode_statement(raw).body) for (raw,) in rows]
        return [(receipt.reason, receipt.clause) for receipt in receipts]

    async def phases(self, kind: str) -> dict[str, set[str]]:
        """Phases of all conversations of a kind, by center."""
        found = {}
        for center in self.pair.everybody:
            rows = await center.sql("SELECT phase FROM conversation WHERE kind = ?", kind)
            found[center.name] = {phase for (phase,) in rows}
        return found

    async def said(self, center: Center, kind: type[Any]) -> list[Any]:
        """What a center has said of a type."""
        rows = await center.sql(
            "SELECT payload_type, payload FROM said WHERE payload_type = ? ORDER BY log_index",
            PAYLOAD_TYPES[kind],
        )
        return [decode_word(name, decode_statement(payload).body) for name, payload in rows]

    async def draws(self, role: str) -> list[ConversationId]:
        """The draws in which the host has a role."""
        rows = await self.table.host.center.sql(
            "SELECT conversation FROM draw WHERE role = ?", role
        )
        return [ConversationId(draw_id) for (draw_id,) in rows]


@asynccontextmanager
async def scene(*, least: int = 1, regulator: bool = False, **changes: Any) -> AsyncIterator[Scene]:
    def terms(pair: Witnessed) -> Mapping[str, Any]:
        return {
            "outside_contributors": tuple(other.id for other in pair.others),
            "min_outside_contributors": least,
            "regulator": pair.others[0].id if regulator else "",
            **changes,
        }

    async with laid(terms, assemble=_with_others) as table:
        pair = table.pair
        assert isinstance(pair, Witnessed)
        yield Scene(table, pair)


def _with_others(furnish: Any) -> Any:
    return witnessed(furnish, "regulator", "neighbour")


async def test_both_give_values_and_every_side_knows_which() -> None:
    async with scene() as at:
        await at.start()

        assert await at.phases("draw") == {
            "host": {draw.SEALED}, "sub": {draw.SEALED}, "regulator": set(), "neighbour": set(),
        }  # fmt: skip
        for center in at.pair.everybody:
            rows = await center.sql("SELECT phase FROM conversation WHERE kind = 'contribution'")
            assert {phase for (phase,) in rows} == {words.ACCOUNTED}
        for owner in at.pair.centers:
            (reveal,) = await at.said(owner, Reveal)
            assert len(reveal.outside) == 2
            assert all(reveal.outside)
        (opening,) = await at.said(at.table.host.center, Open)
        assert opening.outside == (at.regulator.id, at.neighbour.id)


async def test_the_order_depends_on_every_value() -> None:
    """What the sealer ranks by has the outside values in it: without one it is another order."""
    async with scene() as at:
        await at.start()
        (draw_id,) = await at.draws("SEALER")
        host = at.table.host

        def look(desk: Desk) -> tuple[Any, Any]:
            files = host.draws._files
            row = files.row(desk, draw_id)
            return row, files.view(desk, row)

        row, seen = await host.center.do(look)
        usual = host.draws._files.orders(row, seen)
        fewer = replace(seen, outside_values=(seen.outside_values[0], None))
        assert host.draws._files.orders(row, fewer) != usual


async def test_a_silent_contributor_voids_a_draw_that_nobody_has_committed_to() -> None:
    async with scene() as at:
        at.pair.silent.add("neighbour")
        await at.start()
        assert (await at.phases("draw"))["host"] == {draw.ACCEPTED}
        at.pair.watch.pass_ms(words.ANSWER_MS + 1)
        await at.pair.greet()

        assert (await at.phases("draw"))["host"] == {draw.VOID}
        (fault,) = await at.said(at.table.sub.center, Fault)
        assert fault.silent == (at.neighbour.id,)
        assert (await at.phases("contribution"))["regulator"] == {words.RELEASED}

        await at.start()  # once more, without it

        (_, second) = await at.said(at.table.host.center, Open)
        assert second.outside == (at.regulator.id,)
        both = [at.table.host.center, at.table.sub.center]
        opened = [word for center in both for word in await at.said(center, Open)]
        assert sorted(word.sequence for word in opened) == [1, 2, 3, 4]
        (void, _) = await at.draws("SEALER")
        assert second.supersedes == void
        assert (await at.phases("draw"))["sub"] == {draw.VOID, draw.SEALED}


async def test_who_does_not_open_in_time_counts_as_none_if_enough_others_did() -> None:
    async with scene(least=1) as at:
        at.keep_back()
        await at.start()
        assert (await at.phases("draw"))["sub"] == {draw.COMMITTED}
        at.pair.watch.pass_ms(words.ANSWER_MS + 1)
        await at.pair.greet()

        assert (await at.phases("draw"))["sub"] == {draw.SEALED}
        (reveal,) = await at.said(at.table.sub.center, Reveal)
        assert reveal.outside[0]
        assert not reveal.outside[1]

        # It is told so; it had not given anything by then, so there is nothing to complain of.
        assert (await at.phases("contribution"))["neighbour"] == {words.ACCOUNTED}
        assert (LEFT_OUT,) not in await at.neighbour.sql("SELECT kind FROM todo")


async def test_with_fewer_values_than_agreed_nobody_goes_on() -> None:
    async with scene(least=2) as at:
        at.keep_back()
        await at.start()
        at.pair.watch.pass_ms(words.ANSWER_MS + 1)
        await at.pair.greet()

        assert (await at.phases("draw"))["sub"] == {draw.VOID}
        assert await at.said(at.table.sub.center, Reveal) == []


async def test_the_sealer_gives_its_value_into_escrow_where_a_regulator_is_agreed() -> None:
    async with scene(regulator=True) as at:
        await at.start()
        (draw_id,) = await at.draws("SEALER")
        host = at.table.host.center
        (commit,) = [each for each in await at.said(host, Commit) if each.escrow]
        digests = host.suite

        def opened(desk: Desk) -> bytes:
            face = desk.identity.face(digests.suite_id)
            bound = ranking.open_hash(digests, decode_envelope(envelope).payload)
            return open_escrow(
                digests, face.unseal, bound, host.id, commit.commitment, commit.escrow
            )

        envelope = await host.do(lambda desk: envelope_of(desk, draw_id, Open))
        assert len(await at.regulator.do(opened)) == 32
        with pytest.raises(FalseEscrow):
            await at.neighbour.do(opened)


async def test_a_sealer_that_gives_no_escrow_is_refused() -> None:
    async with scene(regulator=True) as at:
        host = at.table.host
        host.draws._moves._escrow = lambda *_: b""  # type: ignore[method-assign]
        await at.start()

        assert draw.HALF in (await at.phases("draw"))["sub"]
        assert await at.refusals(at.table.sub.center) == [("NOT_ALLOWED", "escrow")]


async def test_an_owner_that_leaves_a_value_out_is_found_by_whom_it_was_taken_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as at:
        honest = outside_values.values

        def leaving_out(desk: Desk, draw_id: bytes, outside: Any) -> Any:
            values = honest(desk, draw_id, outside)
            return values if values is None else (values[0], b"")

        monkeypatch.setattr(outside_values, "values", leaving_out)
        await at.start()

        kinds = await at.neighbour.sql("SELECT kind FROM todo")
        assert (LEFT_OUT,) in kinds
        assert (LEFT_OUT,) not in await at.regulator.sql("SELECT kind FROM todo")


async def test_an_owner_cannot_void_the_order_that_it_sees_for_want_of_values() -> None:
    async with scene() as at:
        await at.start()
        (draw_id,) = await at.draws("SEALER")
        host, sub = at.table.host.center, at.table.sub.center
        for phase in (draw.ACCEPTED, draw.COMMITTED):
            receipt = await Liar(sub, host).tell(
                draw_id, Fault(phase, "I do not like it", (at.neighbour.id,))
            )
            assert (receipt.reason, receipt.clause) == ("NOT_ALLOWED", "silent")
        assert await host.phase(draw_id) == draw.SEALED


async def test_rubbish_in_place_of_a_value_is_a_value_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as at:
        honest = outside_values.values

        def garbling(desk: Desk, draw_id: bytes, outside: Any) -> Any:
            values = honest(desk, draw_id, outside)
            return values if values is None else (values[0], b"rubbish")

        monkeypatch.setattr(outside_values, "values", garbling)
        await at.start()

        assert (LEFT_OUT,) in await at.neighbour.sql("SELECT kind FROM todo")
        assert await at.refusals(at.neighbour) == []


async def test_a_reveal_that_was_not_said_to_the_sealer_accounts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as at:

        def account(desk: Desk, draw_id: bytes) -> None:
            told = decode_envelope(envelope_of(desk, draw_id, Reveal))
            for row in contributions.of_draw(desk.ledger.connection, draw_id, "ASKER").values():
                said = replace(decode_statement(told.payload), recipient=row.peer)
                item = (told.payload_type, encode_statement(said))
                (made,) = desk.identity.sign(
                    CenterId(row.peer), said_suite(desk, row), [item], desk.now_ms
                )
                desk.say(ConversationId(row.conversation), Account(encode_envelope(made)))

        monkeypatch.setattr(outside_values, "account", account)
        await at.start()

        assert set(await at.refusals(at.neighbour)) == {("MALFORMED", "reveal")}


def said_suite(desk: Desk, row: Any) -> str:
    return desk.suite_of(ConversationId(row.conversation)).suite_id


async def test_what_a_contributor_has_signed_for_somebody_else_proves_nothing() -> None:
    async with scene() as at:
        await at.start()
        sub, host = at.table.sub.center, at.table.host.center
        (commit,) = [each for each in await at.said(sub, Commit) if each.outside]

        def read(told: str) -> Any:
            return host.do(lambda desk: verified_in(desk, told)(commit.outside[0], at.regulator.id))

        assert isinstance(await read(sub.id), Pledge)
        with pytest.raises(Malformed, match="was not said to"):
            await read(host.id)


async def test_whom_we_asked_comes_back_with_the_word_that_asked() -> None:
    """After a restore our words come back; a pledge that is late must find whom it is from."""
    async with scene() as at:
        await at.start()
        sub = at.table.sub
        reaction = sub.draws.contributions
        kept = await sub.center.sql("SELECT * FROM contribution WHERE role = 'ASKER' ORDER BY 1")

        def lose_and_say(desk: Desk) -> None:
            for each in kept:
                talk = ConversationId(each[0])
                raw = envelope_of(desk, talk, AskValue)
                desk.ledger.connection.execute(
                    "DELETE FROM contribution WHERE conversation = ?", (talk,)
                )
                known = desk.ledger.conversation(talk)
                payload = decode_envelope(raw).payload
                assert known is not None
                reaction.said(desk, Said(known, word_in(raw, sub.center.id), payload, bytes(32)))

        await sub.center.do(lose_and_say)

        after = await sub.center.sql("SELECT * FROM contribution WHERE role = 'ASKER' ORDER BY 1")
        assert after == kept
        assert len(kept) == 2


async def test_two_others_cannot_use_up_the_id_of_a_draw() -> None:
    """Whoever learns it may open another draw under it: that is another draw."""
    async with scene() as at:
        await at.start()
        (draw_id,) = await at.draws("SEALER")
        sub, host = at.table.sub.center, at.table.host.center
        raw = decode_envelope(await sub.do(lambda desk: envelope_of(desk, draw_id, Open)))
        said = decode_statement(raw.payload)
        opening = decode_word(raw.payload_type, said.body)
        assert isinstance(opening, Open)
        mine = replace(opening, contributors=(at.neighbour.id, at.regulator.id, host.id))
        forged = replace(said, recipient=at.neighbour.id, body=encode_word(mine))
        (made,) = host.sign([(raw.payload_type, encode_statement(forged))])
        word = AskValue(draw_id, encode_envelope(made))
        receipt = await Liar(at.neighbour, at.regulator).tell(bytes(16), word)

        assert receipt.outcome is Outcome.ACCEPTED
        assert words.PLEDGED in (await at.phases("contribution"))["regulator"]


async def _ask(at: Scene, owner: Center, opening: bytes, draw_id: bytes) -> str:
    receipt = await Liar(owner, at.regulator).tell(bytes(16), AskValue(draw_id, opening))
    return receipt.reason


async def test_one_value_for_one_draw_whoever_asks_again() -> None:
    async with scene() as at:
        await at.start()
        (draw_id,) = await at.draws("SEALER")
        sub = at.table.sub.center
        opening = await sub.do(lambda desk: envelope_of(desk, draw_id, Open))

        assert await _ask(at, sub, opening, draw_id) == "CONFLICT"


@pytest.mark.parametrize("lie", ["bytes", "another draw", "not said to it", "no opening"])
async def test_what_opens_no_draw_of_the_askers_is_refused(lie: str) -> None:
    async with scene() as at:
        await at.start()
        (draw_id,) = await at.draws("SEALER")
        sub, host = at.table.sub.center, at.table.host.center
        opening = await sub.do(lambda desk: envelope_of(desk, draw_id, Open))
        asker, shown, named = sub, opening, bytes(draw_id)
        if lie == "bytes":
            shown = b"not an envelope"
        elif lie == "another draw":
            named = bytes(16)
        elif lie == "not said to it":
            asker = at.neighbour
        else:
            shown = await host.do(lambda desk: envelope_of(desk, draw_id, Commit, by=host.id))

        assert await _ask(at, asker, shown, named) == "MALFORMED"


async def test_a_contributor_that_is_not_joined_is_named_before_anything_is_said() -> None:
    async with laid({"outside_contributors": ("lp1" + "b" * 32,)}) as table:
        host = table.host
        with pytest.raises(Conflicting, match="lp1b"):
            await host.center.do(
                lambda desk: planning.begin(host.draws, desk, table.project, planning.AGENCY)
            )


async def test_a_draw_that_stands_is_not_superseded() -> None:
    async with scene() as at:
        await at.start()
        (draw_id,) = await at.draws("SEALER")
        host = at.table.host.center
        (opening,) = await at.said(host, Open)
        again = replace(opening, sequence=3, supersedes=bytes(draw_id))
        ((agreed,),) = await host.sql("SELECT agreement FROM conversation WHERE id = ?", draw_id)
        agreement = AgreementId(agreed)
        await host.do(lambda desk: desk.open(at.table.sub.center.id, agreement, again))
        await at.pair.settle()

        assert await at.refusals(at.table.sub.center) == [("NOT_ALLOWED", "V2")]


async def test_a_pledge_that_nobody_binds_is_over_after_a_day_and_why_says_until_when() -> None:
    async with scene() as at:
        at.pair.silent.add("neighbour")
        await at.start()
        at.pair.silent |= {"host", "sub"}
        center = at.regulator
        assert (await at.phases("contribution"))["regulator"] == {words.PLEDGED}
        ids = await center.sql("SELECT conversation FROM contribution")
        assert ids
        for (conversation,) in ids:
            (sight,) = (await whys(center).explain(conversation.hex())).sights
            assert (sight.over, sight.turn, sight.ours) == (False, words.ASKER, False)
            assert sight.clock_is_ours
            deadline_ms = sight.conversation.deadline_ms
            assert deadline_ms is not None
            assert 0 < deadline_ms - center.clock.now_ms() <= words.DAY_MS

        await at.pair.later(words.DAY_MS + 1)

        assert (await at.phases("contribution"))["regulator"] == {words.UNBOUND}
        for (conversation,) in ids:
            (sight,) = (await whys(center).explain(conversation.hex())).sights
            assert (sight.over, sight.todos) == (True, ())
        # The owners come back, and say what nobody waits for any more.
        at.pair.silent.clear()
        await at.pair.greet()
        assert (await at.phases("contribution"))["regulator"] == {words.RELEASED}
        assert await at.refusals(center) == []
        assert (LEFT_OUT,) not in await center.sql("SELECT kind FROM todo")


async def test_a_value_that_nobody_accounts_for_is_asked_after_until_the_owner_does() -> None:
    async with scene() as at:
        center = at.neighbour
        inside: Any = center.negotiator.inside
        reaction = inside._reactions[Kind.CONTRIBUTION]
        honest = reaction.heard

        def heard(desk: Desk, spoken: Said) -> None:
            honest(desk, spoken)
            if isinstance(spoken.word, Bind):
                at.pair.silent |= {"host", "sub"}

        reaction.heard = heard
        await at.start()
        assert words.GIVEN in (await at.phases("contribution"))["neighbour"]

        await at.pair.later(words.DAY_MS + 1)

        assert words.UNACCOUNTED in (await at.phases("contribution"))["neighbour"]
        open_ = f"SELECT count(*) FROM todo WHERE kind = '{LEFT_OUT}' AND done_at_ms IS NULL"
        assert (await center.sql(open_))[0][0] >= 1
        reaction.heard = honest
        at.pair.silent.clear()
        await at.pair.greet()
        ended = (await at.phases("contribution"))["neighbour"]
        assert ended <= {words.RELEASED, words.ACCOUNTED}
        assert await center.sql(open_) == [(0,)]
