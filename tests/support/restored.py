"""A center of ``pair`` that runs on an old copy of its database, and what it does about it."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from federation.engine import epochs
from federation.engine.acquaintance import read_link
from federation.engine.recovery import Recovery, Restored, Standing
from federation.evidence.entry import descriptor_entry
from federation.ids import CenterId
from node.services.house import Desk
from node.store.ledger import SqlLedger
from tests.support.identities import follow, signed
from tests.support.pair import Center, TwoCenters
from tests.support.secret_keys import face_of

ROUNDS: Final = 4  # asking, an epoch, asking again: more would be a loop


@dataclass
class Nurse:
    """Brings one center back, and remembers what people would be told."""

    pair: TwoCenters
    center: Center
    doubts: list[str] = field(default_factory=list)
    ended: list[Restored] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recovery: Recovery[SqlLedger] = Recovery(
            negotiator=self.center.negotiator,
            ask=self.center.outbox.ask,
            doubt=lambda _floor, _peer, why: self.doubts.append(why),
            restored=lambda _floor, told: self.ended.append(told),
            together=asyncio.gather,
        )

    @property
    def peer(self) -> CenterId:
        return self.pair.other(self.center).id

    async def backup(self) -> bytes:
        """The whole database as it is now."""

        def take(connection: sqlite3.Connection) -> bytes:
            with closing(sqlite3.connect(":memory:")) as copy:
                connection.backup(copy)
                return copy.serialize()

        return await self.center.database.alone(take)

    async def restore(self, copied: bytes) -> None:
        """Put an old copy back, without a word to anybody."""

        def put(connection: sqlite3.Connection) -> None:
            with closing(sqlite3.connect(":memory:")) as copy:
                copy.deserialize(copied)
                copy.backup(connection)

        await self.center.database.alone(put)

    async def lose(self) -> None:
        """Know that words are lost, as after ``lianping restore``."""
        await self.center.do(lambda desk: desk.ledger.lost([self.peer], "restored", desk.now_ms))

    async def announce(self) -> None:
        """Begin the next epoch, as ``lianping recover --new-epoch`` does."""
        center, identity = self.center, self.center.identity

        def begin(desk: Desk) -> None:
            following = follow(
                identity.descriptor,
                log_epoch=identity.descriptor.log_epoch + 1,
                log_begins=epochs.begins(
                    desk.ledger, identity.descriptor.log_epoch, identity.suites
                ),
            )
            raw = signed(following, center.secrets)
            link = read_link(raw)
            entry = descriptor_entry(center.id, following.sequence, link.digest, desk.now_ms)
            for suite_id in identity.suites:
                desk.ledger.append_log(suite_id, entry, link.digest)
            epochs.took_own(desk.ledger, identity.descriptor.log_epoch, following)
            faces = {each: face_of(following, center.secrets[each]) for each in identity.suites}
            identity.renew((*identity.chain, raw), following, faces)

        await center.do(begin)
        await center.outbox.greet(self.peer)

    async def greet(self) -> None:
        """Both centers greet, twice: what one shows, the other's next call answers."""
        for _ in range(2):
            await self.center.outbox.greet(self.peer)
            await self.pair.other(self.center).outbox.greet(self.center.id)

    async def heal(self) -> Standing:
        """Ask until all is back; announce an epoch if that is what is missing."""
        standing = await self.recovery.round()
        for _ in range(ROUNDS):
            if not standing.recovering:
                break
            if standing.epoch_needed:
                await self.announce()
            standing = await self.recovery.round()
        return standing
