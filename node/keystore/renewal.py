"""New keys for a node that runs: read, logged, in force, and told to every partner at once.

A key folder is changed by a command while the node serves. ``reload`` takes what the folder says
now: our own next descriptors go into the evidence logs, then identity and certificates follow,
then every partner is greeted. A partner that is not reached keeps its old view of us, and we
sign for it with what it knows (``federation.engine.identity``), until a heartbeat gets through.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.engine import epochs
from federation.engine.acquaintance import read_link
from federation.engine.negotiator import Negotiator
from federation.evidence.entry import descriptor_entry
from federation.ids import CenterId
from federation.ports import Unreachable
from federation.transport.certificates import Certificates
from federation.trust.keys import Descriptor
from node import logs
from node.config import KeyHolding
from node.keystore import keys as key_folder
from node.keystore.errors import BadKeys
from node.keystore.keys import Keys
from node.keystore.rotation import wardrobe
from node.services import expiry
from node.services.house import Desk
from node.store import descriptors
from node.store.ledger import SqlLedger

LOG = logs.logger("node.keystore")


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of a reload: our newest descriptor, and which partners know it now."""

    descriptor: Descriptor
    reached: tuple[CenterId, ...]
    missed: tuple[CenterId, ...]


class Renewal:
    """Puts the keys of a folder in force.

    Args:
        folder: The key folder.
        holding: Which keys a token holds.
        negotiator: The database, and the identity that is renewed.
        certificates: What is shown at handshakes.
        greet: Greets a partner and tells it what is new.
        peers: The partners that are called at all.
        problem: Why the keys that are in force at the start cannot sign; empty if they can.
    """

    def __init__(
        self,
        *,
        folder: Path,
        holding: KeyHolding,
        negotiator: Negotiator[SqlLedger],
        certificates: Certificates,
        greet: Callable[[CenterId], Awaitable[object]],
        peers: Callable[[], Iterable[CenterId]],
        problem: Callable[[], str] = lambda: "",
    ) -> None:
        self._folder = folder
        self._holding = holding
        self._negotiator = negotiator
        self._certificates = certificates
        self._greet = greet
        self._peers = peers
        self._problem = problem
        self._busy = asyncio.Lock()

    def problem(self) -> str:
        """Why the keys that are in force cannot sign now; empty if they can."""
        return self._problem()

    async def note(self) -> None:
        """At the start: log descriptors that were published while the node was down.

        Raises:
            BadKeys: The database knows other or newer ones: the folder is of an old backup.
        """
        chain = self._negotiator.identity.chain
        await self._negotiator.transact(lambda desk: _log(desk, self._folder, chain))

    async def reload(self) -> Renewed:
        """Read the folder, and have its keys in force; what is in force already is left.

        Raises:
            BadKeys: The folder is damaged, another center's, or older than what is in force.
            SuiteUnavailable: This machine lacks the algorithms of a suite.
        """
        async with self._busy:
            identity = self._negotiator.identity
            keys = await asyncio.to_thread(key_folder.load, self._folder, self._holding)
            if (
                keys.center != identity.center
                or keys.descriptor.sequence < identity.descriptor.sequence
            ):
                raise BadKeys(
                    f"{self._folder} 中的名片不属于运行中的节点,或比它旧,请恢复备份 · "
                    "holds another center's descriptors, or older ones than the running node "
                    "has: restore a backup"
                )
            if keys.descriptor.sequence > identity.descriptor.sequence:
                await self._renew(keys)
        return await self._tell(keys.descriptor)

    async def _renew(self, keys: Keys) -> None:
        tls = await asyncio.to_thread(wardrobe, self._folder, keys.center)
        await self._negotiator.transact(lambda desk: _log(desk, self._folder, keys.chain))
        self._problem = keys.problem
        self._certificates.renew(tls)
        self._negotiator.identity.renew(keys.chain, keys.descriptor, keys.faces)
        await self._negotiator.transact(expiry.check)
        LOG.info("new keys are in force", sequence=keys.descriptor.sequence)

    async def _tell(self, descriptor: Descriptor) -> Renewed:
        peers = sorted(self._peers())
        answers = await asyncio.gather(
            *[self._greet(peer) for peer in peers], return_exceptions=True
        )
        reached: list[CenterId] = []
        missed: list[CenterId] = []
        for peer, answer in zip(peers, answers, strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, Unreachable):
                raise answer
            knows = self._negotiator.identity.knows(peer) == descriptor.sequence
            (reached if knows else missed).append(peer)
        return Renewed(descriptor, tuple(reached), tuple(missed))


def _log(desk: Desk, folder: Path, chain: Sequence[bytes]) -> None:
    """Store our own descriptors, and name those after the first in the logs of their suites.

    What was stored once was shown to partners: a folder that lacks it, or says otherwise, would
    make us a second node of our own identity, with revoked keys alive again.
    """
    me = desk.identity.center
    stored = [each.signed for each in descriptors.chain(desk.ledger.connection, me)]
    if stored != list(chain[: len(stored)]):
        raise BadKeys(
            f"{folder} 中的名片比数据库中的旧,或与之不同(库中有{len(stored)}份),请恢复最新备份,"
            f"不要用它换钥 · holds older or other descriptors than the database, which has "
            f"{len(stored)}: restore a backup of the keys as new as the database, and rotate "
            "nothing meanwhile"
        )
    epoch = 0
    for signed in chain:
        link = read_link(signed)
        number = link.descriptor.sequence
        gone = [each.key_id for each in link.descriptor.revoked]
        if desk.ledger.put_descriptor(me, number, link.digest, signed, gone) and number > 1:
            entry = descriptor_entry(me, number, link.digest, desk.now_ms)
            for suite_id in link.descriptor.suites:
                desk.ledger.append_log(suite_id, entry, link.digest)
            epochs.took_own(desk.ledger, epoch, link.descriptor)
        epoch = link.descriptor.log_epoch
