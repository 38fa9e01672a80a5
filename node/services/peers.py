"""Peers: whose keys we trust, because a person pinned them on purpose, and who is paused.

Here: pinning signed descriptors, pausing and resuming, and how both take effect. Not here:
how a descriptor comes to us (``node.services.joining``) and fetching any. What is pinned is
what an operator was handed, and whose fingerprint was read aloud on the telephone; nothing
that came over the network replaces it.

The database is changed in the use case's transaction; ring and pauses follow it once it is
committed (``take_effect``), so that what is not on disk is never in force.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, TypeVar

from federation.engine.acquaintance import Acquaintance, News, Turn, read_link
from federation.engine.pauses import Pauses
from federation.errors import Malformed
from federation.ids import CenterId
from federation.trust.keyring import Keyring
from federation.trust.keys import BadDescriptor, Descriptor, descriptor_digest
from federation.wire.words import read_chain, read_signed_descriptor, read_with_bytes
from node.services import chain_file
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.store import peers
from node.store.peers import PeerRow

MAX_REASON_CHARS: Final = 200  # one sentence, which the peer reads

T = TypeVar("T")


class Peers:
    """Pins and pauses peers, on disk and then in force.

    Args:
        keyring: Whose words are verified.
        pauses: Who is neither called nor heard.
        observe: Told who is paused, at every change.
    """

    def __init__(
        self,
        keyring: Keyring,
        pauses: Pauses,
        observe: Callable[[Collection[CenterId]], None] = lambda _paused: None,
    ) -> None:
        self._keyring = keyring
        self._pauses = pauses
        self._observe = observe

    def load(self, connection: sqlite3.Connection) -> int:
        """Fill ring and pauses with what is on disk; answers how many are pinned."""
        rows = peers.every(connection)
        self._apply(rows)
        return len(rows)

    async def take_effect(
        self, transact: Callable[[Callable[[Desk], list[PeerRow]]], Awaitable[list[PeerRow]]]
    ) -> None:
        """Let ring and pauses follow the database. After every change that was committed."""
        self._apply(await transact(lambda desk: peers.every(desk.ledger.connection)))

    def pin(self, desk: Desk, chain: Sequence[bytes]) -> Descriptor:
        """Trust the keys in a chain of descriptors from now on.

        A higher sequence of the same center replaces the one that was pinned.

        Args:
            desk: The floor.
            chain: Signed descriptors, oldest first, as the peer's operator handed them over.

        Returns:
            What was pinned, the newest.

        Raises:
            Invalid: It is no chain, proves nothing, or is our own.
            Conflicting: It is older than what is pinned, or differs under the same sequence:
                two nodes have one identity.
        """
        descriptor = self.check_fits(desk, chain)
        connection, center = desk.ledger.connection, CenterId(descriptor.center_id)
        known = peers.get(connection, center)
        links = [read_link(signed) for signed in chain]
        if known is not None:
            links = [each for each in links if each.descriptor.sequence > known.sequence]
            Acquaintance(self._keyring).take(
                desk.ledger,
                desk.identity.suites,
                center,
                News(Turn.NEWER, tuple(links)),
                desk.now_ms,
            )
            return descriptor
        peers.put(
            connection,
            PeerRow(descriptor.center_id, chain[-1], descriptor.sequence, desk.now_ms),
        )
        for link in links:  # not logged: no word of theirs can be older
            number, gone = (
                link.descriptor.sequence,
                [each.key_id for each in link.descriptor.revoked],
            )
            desk.ledger.put_descriptor(center, number, link.digest, link.signed, gone)
        return descriptor

    def update(self, desk: Desk, text: str) -> tuple[Descriptor, int]:
        """Take a pinned peer's descriptors from a file; answers the newest, and how many are new.

        No fingerprint is needed: the root that was pinned has signed them.

        Raises:
            Invalid: It is no such file, or proves nothing.
            NotFound: The peer is not pinned.
            Conflicting: It does not go on from what is pinned.
        """
        chain = chain_file.read(text)
        known = self._row(desk, CenterId(newest(chain).center_id))
        descriptor = self.pin(desk, chain)
        return descriptor, descriptor.sequence - known.sequence

    def check_fits(self, desk: Desk, chain: Sequence[bytes]) -> Descriptor:
        """Hold a chain against ourselves and against all that are pinned; answers its newest.

        Raises:
            Invalid: It is no chain, or our own.
            Conflicting: As ``pin``, or its keys or certificate are another peer's.
        """
        descriptor = newest(chain)
        if descriptor.center_id == desk.identity.center:
            raise Invalid("这是本中心自己的名片", "this is this center's own descriptor")
        for row in peers.every(desk.ledger.connection):
            known = read_signed_descriptor(row.signed)
            if known.center_id == descriptor.center_id:
                _check_newer(known, row.signed, descriptor, chain)
            elif _shared(known, descriptor):
                raise Conflicting(
                    f"该名片的密钥或证书与已登记的{known.name}({known.center_id})相同:"
                    "两个中心不得共用密钥,请双方核查后重新生成",
                    f"its keys or certificate are those of {known.center_id}, which is pinned: "
                    "two centers never share keys; both must find out why and make new ones",
                )
        return descriptor

    def pause(self, desk: Desk, peer: CenterId, reason: str, by: str) -> None:
        """Neither call nor hear a peer until ``resume``; words of both sides wait.

        Raises:
            NotFound: It is not pinned.
            Invalid: The reason is too long, or not one line.
            Conflicting: It is paused already.
        """
        if self._row(desk, peer).paused is not None:
            raise Conflicting("与该中心的往来已暂停", "that center is paused already")
        text = reason.strip()
        if len(text) > MAX_REASON_CHARS or not text.isprintable():
            raise Invalid(
                f"暂停原因应为一行,至多{MAX_REASON_CHARS}个字符",
                f"the reason is one line of at most {MAX_REASON_CHARS} characters",
            )
        peers.pause(desk.ledger.connection, peer, reason=text, by=by, at_ms=desk.now_ms)

    def resume(self, desk: Desk, peer: CenterId) -> None:
        """Call and hear a peer again.

        Raises:
            NotFound: It is not pinned.
            Conflicting: It is not paused.
        """
        if self._row(desk, peer).paused is None:
            raise Conflicting("与该中心的往来没有暂停", "that center is not paused")
        peers.resume(desk.ledger.connection, peer)

    def all(self, desk: Desk) -> list[Descriptor]:
        """All pinned peers, by center id."""
        rows = peers.every(desk.ledger.connection)
        return [read_signed_descriptor(row.signed) for row in rows]

    def _row(self, desk: Desk, peer: CenterId) -> PeerRow:
        row = peers.get(desk.ledger.connection, peer)
        if row is None:
            raise NotFound("没有登记该中心的名片", "that center is not pinned")
        return row

    def _apply(self, rows: Sequence[PeerRow]) -> None:
        for row in rows:
            known = self._keyring.peers.get(CenterId(row.center))
            # A greeting may have brought the next one since the rows were read.
            if known is None or known.sequence < row.sequence:
                self._keyring.pin(read_signed_descriptor(row.signed), row.signed)
        paused = {CenterId(row.center): row.paused for row in rows if row.paused is not None}
        self._pauses.become(paused)
        self._observe(paused)


def newest(chain: Sequence[bytes]) -> Descriptor:
    """The newest descriptor of a chain, each link checked.

    Raises:
        Invalid: A link is no descriptor, proves nothing, or does not follow the one before.
    """
    try:
        return read_chain(chain)
    except (Malformed, BadDescriptor, ValueError) as error:
        raise Invalid(
            "这不是有效的中心名片,请向对方重新索取",
            f"this is not a valid descriptor ({error}); ask the peer for it again",
        ) from error


def _check_newer(
    known: Descriptor, signed: bytes, offered: Descriptor, chain: Sequence[bytes]
) -> None:
    """The offered chain goes on from the descriptor that is pinned, or ends with it."""
    if offered.sequence < known.sequence:
        raise Conflicting(
            f"已登记该中心序号{known.sequence}的名片,不能换成序号{offered.sequence}的;"
            "请向对方索取最新名片,并电话核对指纹",
            f"sequence {known.sequence} of this center is pinned and is not replaced by "
            f"sequence {offered.sequence}; ask for the newest and compare the fingerprint",
        )
    oldest = read_signed_descriptor(chain[0]).sequence
    if oldest > known.sequence + 1:  # what lies between may be another line than ours
        raise Conflicting(
            f"文件从序号{oldest}的名片开始,而已登记的为序号{known.sequence},缺少其间的名片:"
            "请对方执行 lianping keys export,先接受那份文件",
            f"the file begins with descriptor {oldest} and {known.sequence} is pinned: those "
            "between are missing; ask for a file of `lianping keys export`, and accept that first",
        )
    pinned = read_with_bytes(signed)[1]
    follows = descriptor_digest(known, pinned)
    for link in chain:
        descriptor, exact = read_with_bytes(link)
        if (descriptor.sequence == known.sequence and exact != pinned) or (
            descriptor.sequence == known.sequence + 1 and descriptor.previous != follows
        ):
            raise Conflicting(
                f"该中心序号{known.sequence}的名片与已登记的不同:可能有两个节点使用同一身份,"
                "请电话核实,不予登记",
                f"this center's descriptor {known.sequence} differs from the one that is pinned: "
                "two nodes may be using one identity; call them and compare the fingerprint",
            )


def _shared(one: Descriptor, other: Descriptor) -> bool:
    """Whether two centers have a key or a certificate in common."""
    return bool(_marks(one) & _marks(other))


def _marks(descriptor: Descriptor) -> set[bytes]:
    """What no other center can have: keys and certificates."""
    return {
        *(root.key for root in descriptor.roots),
        *(key.key for key in descriptor.keys),
        *descriptor.tls_certificates,
    }
