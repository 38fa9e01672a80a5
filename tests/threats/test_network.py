"""Somebody on the line, and clocks that differ: replayed, changed, moved, early and late words."""

from dataclasses import replace

import pytest

from federation.engine.identity import SKEW_MS
from federation.errors import Unauthenticated
from federation.protocol import draw as words
from federation.protocol.draw import Fault
from federation.wire.envelopes import (
    Outcome,
    Witnessing,
    decode_envelope,
    decode_statement,
    encode_delivery,
    encode_statement,
)
from tests.node.services.test_draws import Table, table
from tests.node.services.test_draws_with_a_liar import reach
from tests.support.liar import Liar
from tests.support.pair import two_centers
from tests.support.plain import hold

__all__ = ["table"]

TALK = bytes(range(16))


async def test_replay_other_agreement() -> None:
    """A word that was signed under one agreement is none under another, whoever brings it."""
    async with two_centers() as pair:
        agreement, other = await pair.agree(), await pair.agree(title="另一份")
        liar = Liar(pair.host, pair.sub)
        assert (await liar.tell(TALK, hold(pair), agreement)).outcome is Outcome.ACCEPTED
        ((raw, kept),) = await pair.sub.sql("SELECT envelope, receipt_payload FROM heard")
        envelope = decode_envelope(raw)

        (again,) = await liar.deliver([envelope], Witnessing())
        assert again.payload == kept, "the same receipt as the first time, and nothing else"

        statement = decode_statement(envelope.payload)
        for forged in (
            replace(statement, agreement_id=other),
            replace(statement, conversation_id=TALK[::-1]),
            replace(statement, recipient=pair.host.id),
        ):
            spliced = replace(envelope, payload=encode_statement(forged))
            with pytest.raises(Unauthenticated):
                await pair.sub.negotiator.deliver(
                    encode_delivery([spliced], Witnessing()), pair.host.certificate
                )

        # The speaker itself signs it anew: the conversation has its agreement and keeps it.
        second = await liar.tell(TALK, hold(pair), agreement_id=other)
        assert (second.outcome, second.reason) == (Outcome.REFUSED, "NO_AGREEMENT")
        assert await pair.sub.sql("SELECT count(*) FROM heard WHERE accepted = 1") == [(1,)]


@pytest.mark.parametrize(
    ("early_ms", "outcome"),
    [(0, Outcome.ACCEPTED), (SKEW_MS, Outcome.ACCEPTED), (SKEW_MS + 1, Outcome.REFUSED)],
)
async def test_deadline_skew(table: Table, early_ms: int, outcome: Outcome) -> None:
    """A deadline counts from the word that was waited on, by two clocks that may differ so much."""
    host, sub = table.pair.centers
    draw = await reach(table, host, words.SEALER, words.OPENED)
    await host.outbox.deliver(sub.id)
    ((said_ms,),) = await host.sql("SELECT max(said_at_ms) FROM said WHERE conversation = ?", draw)
    due_ms = said_ms + words.MACHINE_MS
    table.pair.watch.now_ms = due_ms - early_ms

    receipt = await Liar(host, sub).tell(
        draw, Fault(words.OPENED, "nothing came"), sent_at_ms=due_ms - early_ms
    )

    assert receipt.outcome is outcome
    if outcome is Outcome.REFUSED:
        assert receipt.clause == "limit"
        assert await sub.phase(draw) != words.VOID
