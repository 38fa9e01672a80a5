"""What waits for a receipt and a cosignature gets to know of both, in either order.

Found by the simulator (seed 1): the host's decision was cosigned in answer to a greeting
before its delivery was receipted, and the bundle was never closed.
"""

from typing_extensions import override

from federation.ids import CenterId
from federation.protocol.booking import Check
from federation.protocol.conversation import Kind
from federation.protocol.peering import StartTest
from node.services.house import Desk
from tests.support.pair import Center, Furniture, Mute, two_centers

CHECKS = (Check("clock_skew", passed=True, measured="0 ms"),)


class Waiting(Mute):
    """Notes how many words were pending whenever a cosignature was told."""

    def __init__(self) -> None:
        self.pending: list[int] = []

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        self.pending.append(len(desk.ledger.pending(peer, 64, 1 << 20)))


async def test_a_receipt_that_comes_after_the_cosignature_is_noticed() -> None:
    waiting = {"host": Waiting(), "sub": Waiting()}

    def furnish(center: Center) -> Furniture:
        return Furniture({Kind.PEERING: waiting[center.name]})

    async with two_centers(furnish) as pair:
        await pair.host.do(lambda desk: desk.open(pair.sub.id, None, StartTest(bytes(32), CHECKS)))
        await pair.host.greet(pair.sub.id)
        assert waiting["host"].pending == [1], "cosigned before it was delivered"
        await pair.host.outbox.deliver(pair.sub.id)
        assert waiting["host"].pending[-1] == 0
