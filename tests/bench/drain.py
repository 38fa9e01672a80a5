"""How fast an outbox empties that has filled while its peer was away.

The sender is this process: a real node with its database on disk, its pumps and gRPC. The
hearing node is the measured one, in a process of its own.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from federation.ids import CenterId
from federation.ports import SaidWord
from federation.trust.keys import Descriptor
from node.services.house import Desk
from tests.bench import words
from tests.bench.load import Rate
from tests.bench.offices import OfficeNode, office, pumping
from tests.support.grpc_pair import HOME, Party

AT_ONCE: Final = 500  # words opened in one transaction
SECONDS: Final = 180.0  # three times what is promised; then something is wrong


async def drain(sender: Party, node: Descriptor, path: Path, port: int, count: int) -> Rate:
    """Say ``count`` words while the pumps rest, then let them run until all have receipts."""
    peer = CenterId(node.center_id)
    left = count
    all_told = asyncio.Event()

    def receipted(_word: SaidWord, outcome: str) -> None:
        nonlocal left
        if outcome != "ACCEPTED":
            raise RuntimeError(f"a word was not accepted: {outcome}")
        left -= 1
        if not left:
            all_told.set()

    async with office(sender, path, port, OfficeNode, receipted) as office_node:
        office_node.keyring.pin(node)
        for first in range(0, count, AT_ONCE):
            await _say(office_node, peer, min(AT_ONCE, count - first))
        async with pumping(office_node):
            began = time.perf_counter()
            async with asyncio.timeout(SECONDS):
                await all_told.wait()
            seconds = time.perf_counter() - began
    return Rate(count, seconds, seconds / count)


async def _say(node: OfficeNode, peer: CenterId, count: int) -> None:
    def each(desk: Desk) -> None:
        for _ in range(count):
            desk.open(peer, None, words.announcement(), suite_id=HOME)

    await node.negotiator.transact(each)
