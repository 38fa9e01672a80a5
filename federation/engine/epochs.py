"""Epochs of evidence logs: how a log goes on from a backup without being taken for a forged one.

A node whose database comes from a backup has only the beginning of a log that its partners have
cosigned. Were it to go on under the same name, it would have shown two histories. So it goes on
under a new name: the root signs a descriptor with the next epoch, which says with how many leaves
and with which root the log of each suite begins anew. Partners take it with the chain, as any
descriptor; in the same transaction each keeps the head that it cosigned last, as proof of what was
lost, and cosigns the new name only from that beginning on, or from its own last head where this
is within what was kept: of that nothing may have changed.

Whoever shows two histories without such a descriptor is refused as ever. A contradiction that was
kept before is explained by an epoch only if the cosigned head lies beyond the new beginning.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from federation.errors import Malformed
from federation.evidence.checkpoint import BadCheckpoint, Checkpoint, parse_body
from federation.ids import CenterId
from federation.ports import Ledger
from federation.trust.keys import BadDescriptor, Descriptor, LogBegin
from federation.wire.words import read_signed_descriptor

MAX_CHAINS: Final = 4  # our own, before and after a renewal


def took_peer(ledger: Ledger, before: int, after: Descriptor) -> bool:
    """A peer's descriptor is taken: follow its logs into their next epoch, if it names one.

    Args:
        ledger: The transaction that stores the descriptor.
        before: The epoch that was known.
        after: The descriptor.

    Returns:
        Whether the logs went on from a backup.
    """
    if after.log_epoch <= before:
        return False
    peer = CenterId(after.center_id)
    begins = {each.suite: (each.size, each.root) for each in after.log_begins}
    for suite_id in after.suites:
        size, root = begins.get(suite_id, (0, b""))
        ledger.follow_epoch(peer, suite_id, before, size, root)
    ledger.explain_forks(peer, after.log_epoch, [*_lost_beyond(ledger, peer, after)])
    return True


def took_own(ledger: Ledger, before: int, after: Descriptor) -> bool:
    """The same for ours: what peers cosigned in the epoch before is a proof, and no more."""
    if after.log_epoch <= before:
        return False
    ledger.leave_epoch(before)
    return True


def begins(ledger: Ledger, epoch: int, suites: Iterable[str]) -> tuple[LogBegin, ...]:
    """Where the logs would go on if the next epoch began now.

    That is with all that is here; but where we wrote on after a loss that nobody had noticed, and
    a partner has cosigned otherwise, with the last head before it that somebody cosigned.

    Args:
        ledger: The transaction.
        epoch: The present one.
        suites: Whose logs.
    """
    found = []
    otherwise = ledger.beyond(epoch)
    for suite_id in suites:
        size, _ = ledger.log_head(suite_id)
        first = min((at for _, of, at in otherwise if of == suite_id), default=size + 1)
        if first <= size:
            size = ledger.cosigned_below(suite_id, first)
        if size:
            found.append(LogBegin(suite_id, size, ledger.log_root(suite_id, size)))
    return tuple(found)


def base(ledger: Ledger, chain: Sequence[bytes], peer: CenterId, suite_id: str) -> int:
    """From which size a peer cosigns our log first in this epoch: what it has taken for known.

    Args:
        ledger: Knows what the peer cosigned in epochs before.
        chain: Our signed descriptors, oldest first.
        peer: Which peer.
        suite_id: Of which log.
    """
    found = ledger.former_head(peer, suite_id)
    if found is None:
        return 0
    epoch, size = found
    later = [kept for number, kept in _begins(tuple(chain), suite_id) if number > epoch]
    return min([size, *later])


def head_of(note: str) -> Checkpoint | None:
    """What a kept note says, whoever signed it; None if it says nothing."""
    text = note.partition("\n\n")[0] + "\n"
    try:
        return parse_body(text)
    except BadCheckpoint:
        return None


@lru_cache(maxsize=MAX_CHAINS * 2)
def _begins(chain: tuple[bytes, ...], suite_id: str) -> tuple[tuple[int, int], ...]:
    """(epoch, size with which it begins), in their order."""
    found: dict[int, int] = {}
    for signed in chain:
        try:
            descriptor = read_signed_descriptor(signed)
        except (BadDescriptor, Malformed):  # our own chain was checked when it was read
            continue
        if descriptor.log_epoch:
            found.setdefault(descriptor.log_epoch, descriptor.log_begin(suite_id))
    return tuple(sorted(found.items()))


def _lost_beyond(ledger: Ledger, peer: CenterId, after: Descriptor) -> list[str]:
    """The notes shown in contradictions whose cosigned head lies beyond the new beginning."""
    names = {
        suite_id: f"{after.center_id}/log/{suite_id}" for suite_id in after.suites
    }  # and each earlier epoch's name goes on from it
    explained = []
    for held, shown in ledger.forks(peer):
        head = head_of(held)
        if head is None:
            continue
        for suite_id, name in names.items():
            mine = head.origin == name or head.origin.startswith(f"{name}/")
            if mine and head.size > after.log_begin(suite_id):
                explained.append(shown)
    return explained
