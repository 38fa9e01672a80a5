"""What the host's people may not know of a blind selection (盲选), until the evaluation starts.

The node knows which sub-venue was drawn: it must book it. Its people do not, whatever their
role: everything that leaves the API goes through ``Veil.over``, the one place where this is
held, so that a new page cannot forget it. Covered is what belongs to a project with a blind
selection: there the sub's id, name and codes stand as 盲选副场 with its place. In texts no
partner is named at all, and the drawn one like all others: whoever could write a text, such as a
project's name, with every partner in it would else read off which of them was covered. Pages
about the partner itself stay as they are, for among many partners they tell nothing; days of
usage that count such a booking are left out.

Whoever administers the machine can find out: from the database, from metrics, from the network.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from federation.ids import CenterId
from federation.protocol import booking
from federation.protocol.booking import SelectionMode
from node.domain.disclosure import Item, Profile, Sight, Stage, may_see
from node.domain.project import SelectionMode as DomainMode
from node.services.errors import Conflicting
from node.services.house import Desk
from node.store import agreements, bookings, selections, usage
from node.store.bookings import BookingRow

MAX_DAYS_OF_USAGE: Final = 1_000  # statements that are looked through: years of a busy host

SOME_PARTNER: Final = "某伙伴中心 · a partner"
"""What stands in texts where any partner would be named."""

_DROPPED: Final = object()
_WHO: Final = frozenset({"agreement", "center", "owner", "peer", "peer_name", "sealer"})
"""Fields that the node itself fills, with a partner and nothing else."""
_ID_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Veil:
    """What is covered now.

    Args:
        names: By the id, in hex, of whatever belongs to a covered project: what is replaced there,
            and by what.
        withheld: Ids, in hex, of what is not shown at all.
        partners: What any partner is known by, which texts do not tell; the longest first.
    """

    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    partners: tuple[str, ...] = ()

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

    def _cover(self, value: Any, known: Mapping[str, str], key: str = "") -> Any:
        if isinstance(value, str):
            return self._told(value, known, key) if known else value
        if isinstance(value, list):
            covered = (self._cover(each, known) for each in value)
            return [each for each in covered if each is not _DROPPED]
        if isinstance(value, dict):
            here = list(_subjects(value))
            if not self.withheld.isdisjoint(here):
                return _DROPPED
            for subject in here:
                known = {**known, **self.names.get(subject, {})}
            return {key: self._cover(each, known, key) for key, each in value.items()}
        return value

    def _told(self, text: str, known: Mapping[str, str], key: str) -> str:
        if key in _WHO:
            return known.get(text, text)
        for name in self.partners:
            text = text.replace(name, SOME_PARTNER)
        return text


def _subjects(value: Mapping[str, Any]) -> Iterator[str]:
    """The ids that an answer may be about; some to-dos' subjects are an id behind its kind."""
    for each in value.values():
        for text in each if isinstance(each, list) else (each,):
            if isinstance(text, str):
                yield text
                yield text[-_ID_DIGITS:]


OPEN: Final = Veil()
"""Nothing is covered."""


def veil(desk: Desk) -> Veil:
    """What is covered now."""
    connection = desk.ledger.connection
    names: dict[str, dict[str, str]] = {}
    subs: set[CenterId] = set()
    for project, began_ms in selections.unstarted(connection, SelectionMode.BLIND.name).items():
        hidden: dict[str, str] = {}
        for leg in bookings.of_project(connection, project):
            # After an evaluation that failed the next one is as secret as the first was.
            if leg.held_at_ms > began_ms and _is_hidden(leg):
                hidden |= _names(desk, leg)
                subs.add(leg.peer)
        if hidden:
            for subject in selections.everything_of(connection, project):
                names[subject.hex()] = hidden
    if not names:
        return OPEN
    partners = {name for hidden in names.values() for name in hidden}
    partners.update(name for peer in desk.keyring.peers for name in _known_by(desk, peer))
    partners.update(each.hex() for each in agreements.ids(connection))
    longest_first = sorted(partners, key=lambda name: (-len(name), name))
    return Veil(names, frozenset(_withheld(desk, subs, names)), tuple(longest_first))


def check_uncovered(desk: Desk, subjects: Iterable[bytes]) -> None:
    """Nothing goes out that names the partner of something covered, and cannot be covered itself.

    Raises:
        Conflicting: One of the subjects belongs to a covered project.
    """
    covered = veil(desk).names
    if any(subject.hex() in covered for subject in subjects):
        raise Conflicting(
            "其中涉及盲选副场的抽取,文件会写明副场;请在评标开始后再取",
            "it would name the sub of a blind selection; take it once the evaluation has started",
        )


def label(place: int) -> str:
    """What stands where a covered center would be named; ``place`` from 1."""
    return f"盲选副场{place} · blind sub-venue {place}"


def _is_hidden(leg: BookingRow) -> bool:
    """Whether the matrix hides from a host whom it has booked, as long as nothing has started."""
    sight = may_see(
        Item.SUB_TO_HOST, Stage.DRAWN, Profile.SEALED, DomainMode(leg.hold.selection.name)
    )
    return leg.role == booking.HOST and sight is not Sight.FULL


def _names(desk: Desk, leg: BookingRow) -> dict[str, str]:
    said = label(leg.hold.participants.index(leg.peer) + 1)
    # Its agreement is listed with its name among all agreements.
    return dict.fromkeys((*_known_by(desk, leg.peer), leg.agreement.hex()), said)


def _known_by(desk: Desk, peer: CenterId) -> list[str]:
    pinned = desk.keyring.peers.get(peer)
    told = [peer] if pinned is None else [peer, pinned.name, pinned.uscc, pinned.address]
    return [name for name in told if name]


def _withheld(
    desk: Desk, subs: set[CenterId], names: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    for row in usage.every(desk.ledger.connection, MAX_DAYS_OF_USAGE):
        if row.peer not in subs:
            continue
        words = (*row.stated.words, *(row.answered.words if row.answered else ()))
        if any(word.booking_id.hex() in names for word in words):
            yield row.conversation.hex()
