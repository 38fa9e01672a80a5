"""A regulator's node takes part in what is a regulator's, and declines the rest for good."""

from federation.protocol.agreement import Propose
from federation.protocol.conversation import REFUSED, Kind
from federation.wire.envelopes import Outcome
from node.services.declining import REGULATORS_KINDS, Declining, of_role
from tests.support.pair import Center, Furniture, Mute, two_centers


def furnish(center: Center) -> Furniture:
    reactions = {kind: Mute() for kind in Kind}
    return Furniture(reactions=of_role(center.name == "sub", reactions))


def test_a_center_takes_part_in_everything() -> None:
    reactions = {kind: Mute() for kind in Kind}
    assert of_role(False, reactions) == reactions


def test_a_regulator_takes_part_in_contributions_and_oversight_alone() -> None:
    reactions = {kind: Mute() for kind in Kind}
    kept = of_role(True, reactions)
    assert kept.keys() == set(Kind)
    assert {kind for kind in Kind if kept[kind] is reactions[kind]} == REGULATORS_KINDS
    assert all(isinstance(kept[kind], Declining) for kind in set(Kind) - REGULATORS_KINDS)


async def test_a_proposal_to_a_regulator_is_refused_with_what_the_node_is_for() -> None:
    async with two_centers(furnish) as pair:
        document = b"terms"
        word = Propose(document, (pair.host.under(document),))
        said = await pair.host.do(lambda desk: desk.open(pair.sub.id, None, word))
        await pair.settle()
        assert await pair.host.phase(said.conversation.id) == REFUSED
        (_, receipt), = pair.sub.listener.receipts  # fmt: skip
        assert receipt.outcome is Outcome.REFUSED
        assert receipt.clause == "role"
        assert "regulator's node" in receipt.detail
        assert receipt.reason == "NOT_ALLOWED"
