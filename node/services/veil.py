"""What the host's people may not know of a blind selection (盲选), until the evaluation starts.

The node knows which sub-venue was drawn: it must book it. Its people do not, whatever their
role: everything that leaves the API goes through ``Veil.over``, the one place where this is
held, so that a new page cannot forget it. Covered is what belongs to a project with a blind
selection: there the sub's id, name and codes stand as 盲选副场 with its place. Pages about the
partner itself stay as they are, for among many partners they tell nothing; days of usage that
count such a booking are left out.

Whoever administers the machine can find out: from the database, from metrics, from the network.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.booking import SelectionMode
from node.services.house import Desk
from node.store import bookings, selections, usage
from node.store.bookings import BookingRow

MAX_DAYS_OF_USAGE: Final = 1_000  # statements that are looked through: years of a busy host

_DROPPED: Final = object()


@dataclass(frozen=True, slots=True)
class Veil:
    """What is covered now.

    Args:
        names: By the id, in hex, of whatever belongs to a covered project: what is replaced there,
            and by what.
        withheld: Ids, in hex, of what is not shown at all.
    """

    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()

    def over(self, value: Any, about: Iterable[str] = ()) -> Any:
        """Cover an answer.

        Args:
            value: As JSON has it.
            about: Ids in hex that the whole answer is about, e.g. from its path.
        """
        if not self.names:
            return value
        known: dict[str, str] = {}
        for subject in about:
            known |= self.names.get(subject, {})
        covered = self._cover(value, known)
        return None if covered is _DROPPED else covered

    def _cover(self, value: Any, known: Mapping[str, str]) -> Any:
        if isinstance(value, str):
            for name, label in known.items():
                value = value.replace(name, label)
            return value
        if isinstance(value, list):
            covered = (self._cover(each, known) for each in value)
            return [each for each in covered if each is not _DROPPED]
        if isinstance(value, dict):
            here = [each for each in value.values() if isinstance(each, str)]
            if not self.withheld.isdisjoint(here):
                return _DROPPED
            for subject in here:
                known = {**known, **self.names.get(subject, {})}
            return {key: self._cover(each, known) for key, each in value.items()}
        return value


OPEN: Final = Veil()
"""Nothing is covered."""


def veil(desk: Desk) -> Veil:
    """What is covered now."""
    connection = desk.ledger.connection
    names: dict[str, dict[str, str]] = {}
    subs: set[CenterId] = set()
    for project in selections.unstarted(connection, SelectionMode.BLIND.name):
        hidden: dict[str, str] = {}
        for leg in bookings.of_project(connection, project):
            if leg.role == booking.HOST and leg.hold.selection is SelectionMode.BLIND:
                hidden |= _names(desk, leg)
                subs.add(leg.peer)
        if hidden:
            longest_first = dict(sorted(hidden.items(), key=lambda item: -len(item[0])))
            for subject in selections.everything_of(connection, project):
                names[subject.hex()] = longest_first
    return Veil(names, frozenset(_withheld(desk, subs, names))) if names else OPEN


def label(place: int) -> str:
    """What stands where a covered center would be named; ``place`` from 1."""
    return f"盲选副场{place} · blind sub-venue {place}"


def _names(desk: Desk, leg: BookingRow) -> dict[str, str]:
    said = label(leg.hold.participants.index(leg.peer) + 1)
    pinned = desk.keyring.peers.get(leg.peer)
    told = [leg.peer] if pinned is None else [leg.peer, pinned.name, pinned.uscc, pinned.address]
    return {name: said for name in told if name}


def _withheld(
    desk: Desk, subs: set[CenterId], names: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    for row in usage.every(desk.ledger.connection, MAX_DAYS_OF_USAGE):
        if row.peer not in subs:
            continue
        words = (*row.stated.words, *(row.answered.words if row.answered else ()))
        if any(word.booking_id.hex() in names for word in words):
            yield row.conversation.hex()
