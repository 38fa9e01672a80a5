"""How a peer's next descriptor is taken: shown in a greeting, checked, logged, then in force.

A greeting carries the speaker's newest descriptors. Those that go on from the pinned one are
taken in the transaction that hears the greeting: stored, and named in each evidence log that
we share with the peer, so that every word stands before or after them for good. The ring
follows after the commit. What does not go on is never taken: a gap is told to people, and two
different descriptors of one number are kept as the proof that two nodes use one identity.

The greeting itself is verified under the newest key that it brings, because its descriptors
are signed by the root that was pinned: so a peer whose known keys have all ended, or were
revoked, finds its way back. No other statement brings keys with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from federation.engine import epochs
from federation.errors import Malformed
from federation.evidence.entry import descriptor_entry
from federation.ids import CenterId
from federation.ports import Ledger
from federation.trust.keyring import Keyring
from federation.trust.keys import (
    BadDescriptor,
    Descriptor,
    TwoIdentities,
    check_successor,
    descriptor_digest,
)
from federation.wire.words import DESCRIPTOR, read_with_bytes


class Turn(StrEnum):
    """What a chain that a peer shows turned out to be."""

    SAME = "same"
    """Ends with what is pinned."""

    NEWER = "newer"
    """Goes on from it."""

    OLDER = "older"
    """Ends before it: a backup was restored, or there are two nodes."""

    GAP = "gap"
    """Is so far ahead that descriptors are missing in between."""

    TWIN = "twin"
    """Contradicts it under the root's own signature: two nodes use one identity."""

    BAD = "bad"
    """Proves nothing."""


@dataclass(frozen=True, slots=True)
class Link:
    """One descriptor of a chain.

    Args:
        signed: As its roots signed it.
        descriptor: What it says.
        exact: The bytes under the signatures.
    """

    signed: bytes = field(repr=False)
    descriptor: Descriptor
    exact: bytes = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What the next one names it by, 32 bytes."""
        return descriptor_digest(self.descriptor, self.exact)


@dataclass(frozen=True, slots=True)
class News:
    """What a shown chain means for us.

    Args:
        turn: What it is.
        links: What is new, oldest first, as far as it goes on from what is pinned.
        shown: The descriptor that was the trouble; empty if there is none.
        detail: The trouble in English.
    """

    turn: Turn
    links: tuple[Link, ...] = ()
    shown: bytes = field(default=b"", repr=False)
    detail: str = ""


NOTHING_NEW = News(Turn.SAME)


def read_link(signed: bytes) -> Link:
    """Parse and check one signed descriptor. Raises Malformed, BadDescriptor."""
    descriptor, exact = read_with_bytes(signed)
    return Link(signed, descriptor, exact)


class Acquaintance:
    """Compares what peers show with what is pinned, and takes what goes on from it.

    Args:
        keyring: What is in force.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def compare(self, peer: CenterId, shown: Sequence[bytes]) -> News:
        """Hold a chain, oldest first, against the pinned descriptor. Changes nothing.

        Args:
            peer: A pinned peer.
            shown: Signed descriptors as they came; anything at all.
        """
        held = self._keyring.signed(peer)
        if not shown or shown[-1] == held:
            return NOTHING_NEW
        return _compare(self._keyring.peers[peer], self._exact(peer), shown)

    def take(
        self, ledger: Ledger, suites: Iterable[str], peer: CenterId, news: News, now_ms: int
    ) -> tuple[Link, ...]:
        """Store what is new, once, and log it; answers what was new to the database.

        Another greeting may have brought something since ``compare``: the same, or, of two
        nodes with one identity, a twin. Then the first one stays.

        Args:
            ledger: The transaction of the greeting.
            suites: Those that we speak.
            peer: Whose descriptors.
            news: What ``compare`` found.
            now_ms: The time of the entries.
        """
        taken = []
        epoch = self._keyring.peers[peer].log_epoch
        for link in news.links:
            number = link.descriptor.sequence
            gone = [each.key_id for each in link.descriptor.revoked]
            stored = ledger.descriptor(peer, number)
            if stored is not None and read_link(stored).exact != link.exact:
                ledger.put_twin(peer, stored, link.signed, now_ms)
                break
            if not ledger.put_descriptor(peer, number, link.digest, link.signed, gone):
                continue  # another greeting brought it
            entry = descriptor_entry(peer, number, link.digest, now_ms)
            for suite_id in sorted(set(suites) & set(link.descriptor.suites)):
                ledger.append_log(suite_id, entry, link.digest)
            taken.append(link)
            epochs.took_peer(ledger, epoch, link.descriptor)
            epoch = max(epoch, link.descriptor.log_epoch)
        if news.turn is Turn.TWIN:
            held = self._keyring.signed(peer) or b""
            ledger.put_twin(peer, held, news.shown, now_ms)
        return tuple(taken)

    def settle(self, peer: CenterId, news: News) -> bool:
        """After the commit: let what was taken be in force; answers whether that is a change."""
        if not news.links or peer not in self._keyring.peers:
            return False
        newest, pinned = news.links[-1], self._keyring.peers[peer]
        following = [each for each in news.links if each.descriptor.sequence > pinned.sequence]
        if not following or following[0].descriptor.previous != self._digest(peer):
            return False  # nothing, or a twin's: the one that was taken first stays
        self._keyring.pin(newest.descriptor, newest.signed)
        return True

    def _exact(self, peer: CenterId) -> bytes:
        """The bytes under the signatures of the pinned descriptor."""
        held = self._keyring.signed(peer)
        if held is None:
            return DESCRIPTOR.encode(self._keyring.peers[peer])
        return read_with_bytes(held)[1]

    def _digest(self, peer: CenterId) -> bytes:
        """What the next descriptor of a peer names the pinned one by."""
        return descriptor_digest(self._keyring.peers[peer], self._exact(peer))


def _compare(pinned: Descriptor, exact: bytes, shown: Sequence[bytes]) -> News:
    links: list[Link] = []
    current, current_exact = pinned, exact
    last = 0
    for signed in shown:
        try:
            link = read_link(signed)
            found = link.descriptor
            last = found.sequence
            if found.center_id == pinned.center_id and last < current.sequence and not links:
                continue  # what we no longer hold cannot be compared; a fork shows further on
            if link.exact == current_exact:
                continue
            if last > current.sequence + 1 and found.center_id == pinned.center_id:
                missing = f"descriptors {current.sequence + 1} to {last - 1} are missing"
                return News(Turn.GAP, tuple(links), signed, missing)
            check_successor(current, current_exact, found, link.exact)
        except TwoIdentities as error:
            return News(Turn.TWIN, tuple(links), signed, str(error))
        except (BadDescriptor, Malformed) as error:
            return News(Turn.BAD, tuple(links), signed, str(error))
        links.append(link)
        current, current_exact = found, link.exact
    if links:
        return News(Turn.NEWER, tuple(links))
    if last < pinned.sequence:
        older = f"shows descriptor {last}, and {pinned.sequence} is pinned"
        return News(Turn.OLDER, (), shown[-1], older)
    return NOTHING_NEW
