"""An agreement is amended from intl-1 to gm-1 while work goes on (draw-and-evidence.md §4, rule 5).

What was begun ends under the suite that it was begun under; what begins after is under the
new one. Both logs grow, and both are cosigned to their last entry.
"""

from collections.abc import Mapping
from typing import Final

import pytest

from federation.engine.agreed import Dealing
from federation.errors import Refused
from federation.ids import AgreementId
from federation.protocol import draw as words
from federation.protocol.agreement import Propose
from federation.protocol.peering import StateUsage
from federation.wire.envelopes import Outcome
from federation.wire.words import TERMS
from node.domain.codes import project_code
from node.services import agreement_papers as papers
from node.services.errors import Invalid
from node.services.house import Desk
from tests.engine.test_suites import hold
from tests.node.services.agreement_office import negotiating
from tests.node.services.test_draws import Board, Table, laid
from tests.node.services.test_usage import (
    LIE,
    TO_MIDNIGHT_MS,
    TODAY,
    Counting,
    over_midnight,
    statements,
)
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import DAY_MS, HOUR_MS, Center, two_centers
from tests.support.planning import confirmed

BEFORE: Final = "intl-1"
AFTER: Final = "gm-1"
BOTH: Final = (BEFORE, AFTER)


async def amended(table: Table) -> AgreementId:
    """Both sign the change of suite; nothing was said that has not arrived."""
    pair, host, sub = table.pair, table.host, table.sub
    ((base,),) = await pair.host.sql("SELECT id FROM agreement")
    terms = pair.terms(suite=AFTER, max_open_bookings=9)

    def amend(desk: Desk) -> bytes:
        return host.agreements.amend(desk, base, terms, "wang")

    newer = await pair.host.do(amend)
    await pair.settle()
    await pair.sub.do(lambda desk: sub.agreements.sign(desk, newer, "chen"))
    await pair.settle()
    for center, board, peer in ((pair.host, host, pair.sub), (pair.sub, sub, pair.host)):
        in_force, _ = await center.do(
            lambda desk, board=board, peer=peer: board.agreements.in_force(desk, peer.id)  # type: ignore[misc]
        )
        assert in_force == newer
    return AgreementId(newer)


async def announce(table: Table, board: Board, epoch: str) -> Mapping[str, bytes]:
    found = await board.center.do(lambda desk: board.pools.announce(desk, "experts", epoch, 720))
    await table.pair.settle()
    return found


async def test_a_booking_of_before_draws_from_pools_of_after_under_its_own_suite() -> None:
    async with laid(suites=BOTH) as table:
        await amended(table)
        table.pair.watch.pass_ms(HOUR_MS)
        for board in (table.host, table.sub):
            assert sorted(await announce(table, board, "2026-06")) == sorted(BOTH)
        await table.turn()
        await table.start()
        rows = await table.pair.host.sql(
            "SELECT draw.epoch, conversation.suite, conversation.phase"
            " FROM draw JOIN conversation ON conversation.id = draw.conversation"
        )
        assert rows == [("2026-06", BEFORE, words.SEALED)] * 2


async def test_once_the_work_of_before_is_over_pools_are_announced_under_the_new_suite_only() -> (
    None
):
    async with laid(suites=BOTH) as table:
        await amended(table)
        table.pair.watch.pass_ms(3 * DAY_MS)
        assert list(await announce(table, table.sub, "2026-06")) == [AFTER]


async def test_both_logs_are_cosigned_to_their_last_entry() -> None:
    async with laid(suites=BOTH) as table:
        await amended(table)
        await table.start()
        for center in table.pair.centers:
            peer = table.pair.other(center).id
            for suite_id in BOTH:
                size, cosigned = await center.do(
                    lambda desk, suite_id=suite_id, peer=peer: (  # type: ignore[misc]
                        desk.ledger.log_head(suite_id)[0],
                        (desk.ledger.cosigned(peer, suite_id) or (0, ""))[0],
                    )
                )
                assert size == cosigned > 0


async def test_a_suite_that_the_partner_lacks_is_not_proposed() -> None:
    async with negotiating(suites=BOTH, sub_suites=(BEFORE,)) as office:
        with pytest.raises(Invalid) as caught:
            await office.propose(suite=AFTER)
        assert caught.value.detail == (
            (
                "suite: 对方没有 gm-1 的密钥,只有 intl-1 · "
                "the peer has no keys for gm-1, only for intl-1"
            ),
        )


@pytest.mark.parametrize("suite_id", BOTH)
async def test_usage_is_stated_under_the_suite_of_its_agreement(suite_id: str) -> None:
    offices = Counting()
    async with two_centers(offices, suites=BOTH) as pair:
        await confirmed(pair, offices, suite=suite_id)
        await over_midnight(pair)
        (found,) = await statements(offices, pair.host)
        assert found.phase == "AGREED"
        assert await pair.host.sql(
            "SELECT suite FROM conversation WHERE id = ?", found.conversation
        ) == [(suite_id,)]


async def test_usage_stated_under_another_suite_is_refused() -> None:
    async with two_centers(Counting(), suites=BOTH) as pair:
        agreement = await pair.agree(suite=AFTER)
        pair.watch.pass_ms(TO_MIDNIGHT_MS)
        told = StateUsage(agreement, TODAY.isoformat(), LIE)
        receipt = await Liar(pair.sub, pair.host).tell(bytes(16), told)  # signs under intl-1
        assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "suite")


async def test_no_agreement_is_signed_under_a_suite_that_is_not_dealt_under() -> None:
    """Keys for it are there; the configuration says no. Proposed by us, and by the partner."""
    async with negotiating(suites=BOTH) as office:
        allow(office.pair.host, {BEFORE: None})
        with pytest.raises(Invalid) as caught:
            await office.propose(suite=AFTER)
        assert "does not deal under gm-1" in caught.value.detail[0]
        terms = office.pair.terms(suite=AFTER)
        document = TERMS.encode(terms)

        def propose(desk: Desk) -> None:
            signed = papers.sign(desk, office.pair.host.id, document, (AFTER,))
            desk.open(office.pair.host.id, None, Propose(document, signed), suite_id=AFTER)

        await office.pair.sub.do(propose)
        await office.pair.settle()
        _, receipt = office.pair.host.listener.receipts[-1]
        assert (receipt.outcome, receipt.clause) == (Outcome.REFUSED, "suite")


async def test_no_agreement_outlasts_its_suite() -> None:
    async with negotiating(suites=BOTH) as office:
        ends_ms = office.pair.terms().effective_until_ms - DAY_MS
        allow(office.pair.host, {BEFORE: ends_ms, AFTER: None})
        with pytest.raises(Invalid) as caught:
            await office.propose(suite=BEFORE)
        assert "not for the whole term" in caught.value.detail[0]
        await office.agreed(suite=BEFORE, effective_until_ms=ends_ms)
        await office.agreed(suite=AFTER)


async def test_once_a_suite_is_given_up_its_work_ends_and_none_begins() -> None:
    offices = planning.Offices()
    async with two_centers(offices, suites=BOTH) as pair:
        _, booking_id = await confirmed(pair, offices, suite=BEFORE)
        ((agreement,),) = await pair.sub.sql("SELECT id FROM agreement")
        allow(pair.sub, {BEFORE: pair.watch.now_ms, AFTER: None})
        second = await planning.accepted(offices, code=project_code("E3608000001004628"))
        wish = planning.request(pair.sub.id, window=planning.WINDOW)
        await pair.host.do(
            lambda desk: offices.host.bookings.plan(desk, second, wish, planning.AGENCY)
        )
        await pair.settle()
        refused = [receipt for _, receipt in pair.sub.listener.receipts if receipt.clause]
        assert [(each.clause, each.retryable) for each in refused] == [("suite", False)]
        await pair.host.do(lambda desk: offices.host.bookings.complete(desk, booking_id, bytes(16)))
        await pair.settle()
        assert await pair.sub.phase(booking_id) == "COMPLETED"
        with pytest.raises(Refused, match="does not deal under intl-1"):
            await pair.sub.do(lambda desk: desk.open(pair.host.id, agreement, hold(pair)))


async def test_a_given_up_suite_brings_no_older_version_back() -> None:
    async with negotiating(suites=BOTH) as office:
        base = await office.agreed(suite=BEFORE)
        await office.amended(base, suite=AFTER)
        for center in office.pair.centers:
            allow(center, {BEFORE: None})
        await office.nothing_in_force("does not deal under gm-1")


def allow(center: Center, until_ms: Mapping[str, int | None]) -> None:
    """As if the center had been started with another section [trust]."""
    object.__setattr__(center.negotiator, "dealing", Dealing(until_ms))
