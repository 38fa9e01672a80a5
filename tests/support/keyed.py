"""Nodes over real gRPC whose keys are in a folder, so that they can be rotated and revoked.

``keyed`` makes one; ``acquainted`` makes two that pinned each other's whole chains and run all
their loops. What a command does to the folder is ``rotate`` and ``revoke`` here.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from federation.engine.negotiator import Negotiator
from federation.engine.pauses import Pauses
from federation.ids import CenterId
from federation.protocol.peering import AnnouncePool, Stratum
from federation.transport.certificates import Certificates
from federation.transport.pumps import Bell
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor, Purpose
from node import config
from node.demo.processes import free_ports
from node.keystore import center, root_file, rotation
from node.keystore import keys as key_folder
from node.keystore.renewal import Renewal, Renewed
from node.keystore.root_file import Cost, RootKeys
from node.keystore.rotation import Change, Where
from node.services.house import Desk
from node.services.peers import Peers
from node.store.database import MEMORY, Database
from node.store.ledger import SqlLedger
from tests.node.test_config import GOOD, write
from tests.support import tables
from tests.support.grpc_pair import CLOCK, GrpcNode, Party, SeededRandom

CHEAP: Final = Cost(8, 1, 1)
DAY_MS: Final = 86_400_000
PATIENCE_SECONDS: Final = 30.0


def announcement(pool: str) -> AnnouncePool:
    """A word that needs no agreement."""
    now_ms = CLOCK.now_ms()
    strata = (Stratum("A08", 5, bytes(32)),)
    return AnnouncePool(pool, "e", strata, bytes(32), bytes(32), now_ms, now_ms + DAY_MS)


async def pause(seconds: float) -> None:
    """Let everything else go on for a while."""
    await Bell().wait(seconds)


class Keyed:
    """A node whose keys are in a folder, and the root that it would not have."""

    def __init__(self, node: GrpcNode, folder: Path, root: RootKeys, port: int) -> None:
        assert isinstance(node.shown, Certificates)
        self.node = node
        self.folder = folder
        self.root = root
        self.port = port
        self.certificates = node.shown
        self._random = random.Random(f"{node.center} later")
        self.renewal = self._renewal(node)

    @property
    def id(self) -> CenterId:
        return self.node.center

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self.node.negotiator.identity.chain

    @property
    def descriptor(self) -> Descriptor:
        return self.node.negotiator.identity.descriptor

    def where(self, now_ms: int | None = None) -> Where:
        """What the commands work on."""
        chance = self._random.randbytes
        return Where(self.folder, self.root, key_folder.FILES, chance, now_ms or CLOCK.now_ms())

    def rotate(self, purposes: Iterable[Purpose] = Purpose, *, tls: bool = False) -> Change:
        """``lianping keys rotate``, without telling the node."""
        return rotation.rotate(self.where(), purposes, self.descriptor.suites, tls=tls)

    def revoke(self, key_id: bytes) -> Change:
        """``lianping keys revoke``, without telling the node."""
        return rotation.revoke(
            self.where(), key_id, reason="stolen", since_ms=CLOCK.now_ms() - DAY_MS
        )

    def restarted(self) -> Renewal:
        """What a start would do with what the folder has now, on the same database."""
        identity = key_folder.load(self.folder).identity()
        return self._renewal(self.node, replace(self.node.negotiator, identity=identity))

    def _renewal(
        self,
        node: GrpcNode,
        negotiator: Negotiator[SqlLedger] | None = None,
        peers: Iterable[CenterId] | None = None,
    ) -> Renewal:
        return Renewal(
            folder=self.folder,
            holding=key_folder.FILES,
            negotiator=negotiator or node.negotiator,
            certificates=self.certificates,
            greet=node.outbox.greet,
            peers=lambda: node.keyring.peers if peers is None else peers,
        )

    async def reload(self) -> Renewed:
        """What the command then asks of the node."""
        return await self.renewal.reload()

    async def taken_in(self) -> None:
        """The same, but nobody is told: as if no partner could be called."""
        await self._renewal(self.node, peers=()).reload()

    async def pin(self, other: "Keyed") -> None:
        """Trust another center as its operator's file says."""
        peers = Peers(self.node.keyring, Pauses())
        await self.node.negotiator.transact(lambda desk: peers.pin(desk, other.chain))
        await peers.take_effect(self.node.negotiator.transact)

    async def settled(self, peer: CenterId) -> None:
        """Wait until the peer has receipted every word and cosigned all of our log."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._open(peer):
                await pause(0.05)

    async def _open(self, peer: CenterId) -> bool:
        def look(desk: Desk) -> bool:
            pending = desk.ledger.pending(peer, 1, 1)
            known = desk.ledger.cosigned(peer, "intl-1")
            return bool(pending) or (known[0] if known else 0) < desk.ledger.log_head("intl-1")[0]

        return await self.node.negotiator.transact(look)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@asynccontextmanager
async def keyed(
    name: str, where: Path, *, copy_of: Keyed | None = None, made_at_ms: int | None = None
) -> AsyncIterator[Keyed]:
    """A node that listens on loopback.

    Args:
        name: Seeds its keys.
        where: A folder of its own.
        copy_of: Another node, whose key folder it got somehow.
        made_at_ms: When its keys were made; now by default.
    """
    chance = random.Random(name)
    if copy_of is None:
        (port,) = free_ports(1)
        text = GOOD.replace("jian.example.cn:7443", f"127.0.0.1:{port}")
        settings = config.load(write(_made(where), text))
        folder = where / "keys"
        root = root_file.make(where / "root.pem", ("intl-1",), "x", chance.randbytes, CHEAP)
        center.complete(folder, settings, root, chance.randbytes, made_at_ms or CLOCK.now_ms())
    else:
        folder, root, port = copy_of.folder, copy_of.root, copy_of.port
    keys = key_folder.load(folder)
    identity, keyring = keys.identity(), Keyring()
    certificates = Certificates(
        identity=identity,
        keyring=keyring,
        keys=rotation.wardrobe(folder, keys.center),
        now_ms=CLOCK.now_ms,
    )
    database = await Database.open(MEMORY)
    try:
        await database.alone(tables.lay)
        party = Party(identity, keys.tls, SeededRandom(name))
        node = GrpcNode(party, database, keyring=keyring, shown=certificates)
        if copy_of is None:
            await node.server.start(f"127.0.0.1:{port}")
        try:
            yield Keyed(node, folder, root, port)
        finally:
            await node.transport.close()
            await node.server.stop(0)
    finally:
        await database.close()


@asynccontextmanager
async def acquainted(where: Path) -> AsyncIterator[tuple[Keyed, Keyed]]:
    """Two nodes that pinned each other, with all their loops running."""
    async with AsyncExitStack() as stack:
        left = await stack.enter_async_context(keyed("长乐", where / "left"))
        right = await stack.enter_async_context(keyed("吉安", where / "right"))
        await left.pin(right)
        await right.pin(left)
        async with asyncio.TaskGroup() as group:
            pumps = [each.node.new_pumps() for each in (left, right)]
            for each in pumps:
                group.create_task(each.run())
            try:
                yield left, right
            finally:
                for each in pumps:
                    each.stop()
