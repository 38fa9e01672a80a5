"""A real receipt: two whole nodes, a draw, an expert who was called and did not answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.messaging.port import Answer
from federation.evidence.receipt_file import ReceiptFile, read, write
from federation.trust.keys import Descriptor, Purpose
from node.services.expert_receipts import ExpertReceipts
from tests.node.services.test_draws import Table, laid
from tests.support.pair import Center


@dataclass
class Receipted:
    """The sub's draws, and receipts of its experts.

    Args:
        table: Both centers; the sub's first calls are not answered and declined by turns.
        unreached: Registry number of whoever did not answer.
        declined: Of whoever declined.
        attending: Of somebody who attends.
        unasked: Of somebody whom nobody called.
    """

    table: Table
    unreached: str
    declined: str
    attending: str
    unasked: str

    async def file(self, uid: str, days: int = 31) -> bytes:
        sub = self.table.sub.center
        receipts = ExpertReceipts(sub.cipher)
        return await sub.do(lambda desk: receipts.make(desk, uid, days))

    async def receipt(self, uid: str) -> ReceiptFile:
        return read(await self.file(uid))[0]

    async def sealed(self, receipt: ReceiptFile) -> bytes:
        """What a center that lies would seal."""
        return await self.table.sub.center.do(
            lambda desk: write(
                receipt,
                desk.identity.face(desk.identity.suites[0])
                .signing(Purpose.MESSAGE, desk.now_ms)
                .sign,
            )
        )


def _described(center: Center) -> tuple[Descriptor, bytes]:
    identity = center.negotiator.identity
    return identity.descriptor, identity.signed_descriptor


@asynccontextmanager
async def receipted() -> AsyncIterator[Receipted]:
    async with laid() as table:
        table.sub.phones.script = [Answer.NO_ANSWER, Answer.DECLINE] * 3
        table.sub.center.keyring.pin(*_described(table.host.center))
        await table.start()
        await table.turn()
        rows = await table.sub.center.sql(
            # Who did not answer may be drawn again for another specialty: one call each here.
            "SELECT min(response), uid FROM invitation GROUP BY uid HAVING count(*) = 1"
            " ORDER BY uid"
        )
        by_response = dict(rows)
        ((unasked,),) = await table.sub.center.sql(
            "SELECT min(uid) FROM expert WHERE uid NOT IN (SELECT uid FROM invitation)"
        )
        yield Receipted(
            table,
            by_response["NO_ANSWER"],
            by_response.get("DECLINE", ""),
            by_response["ACCEPT"],
            unasked,
        )
