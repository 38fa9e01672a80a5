"""Evaluation venues: rooms, seats, what they offer, and choosing seats for a request.

Here: the catalogue's shape and a choice that depends on nothing but its arguments, so that
two looks at the same catalogue give the same seats. Not here: which seats are taken and when
(the store's unique key on seat and slot), and choosing between *centers*.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from node.domain.refusal import Inadmissible

OVERNIGHT: Final = "overnight"  # 隔夜评标: a room or venue where people may stay the night
MAX_SEATS: Final = 200  # a request for more is a typing error: committees are far smaller
MAX_ID_CHARS: Final = 64  # as wide as the store's key columns
MAX_NAME_CHARS: Final = 128  # fits a line of a page and of an SMS

_CAPABILITY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


class SeatKind(StrEnum):
    """What one expert sits at: a desk in a shared room (工位), or a closed booth (评标舱)."""

    WORKSTATION = "workstation"
    BOOTH = "booth"


def capability(text: str) -> str:
    """Parse a capability word: ``camera``, ``desktop_feed``, ``face_check``.

    The list is open: agreements name what they need, and an unknown word is simply not offered.

    Raises:
        Inadmissible: Not 1 to 32 small letters, digits and underscores, a letter first.
    """
    word = text.strip().lower()
    if not _CAPABILITY.fullmatch(word):
        raise Inadmissible(
            f"“{text.strip()[:32]}”不是设备名:应为小写字母开头的字母、数字、下划线,至多32个字符",
            f"{text.strip()[:32]!r} is no capability word: up to 32 letters, digits and "
            "underscores, a letter first",
        )
    return word


@dataclass(frozen=True, slots=True)
class Seat:
    """One place for one person. ``equipment`` is what this seat adds to its room's.

    Raises:
        Inadmissible: A bad id or capability word, or ``overnight`` on a seat.
    """

    id: str
    kind: SeatKind = SeatKind.WORKSTATION
    equipment: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_id(self.id)
        _check_words(self.equipment)
        if OVERNIGHT in self.equipment:
            raise Inadmissible(
                "隔夜评标是评标室或场地的条件,不能登记在单个席位上",
                "staying overnight is a property of a room or venue, not of one seat",
            )


@dataclass(frozen=True, slots=True)
class Room:
    """An evaluation room (评标室). ``equipment`` is what every seat in it has.

    Raises:
        Inadmissible: A bad id, name or capability word, or a seat id twice.
    """

    id: str
    name: str
    seats: tuple[Seat, ...] = ()
    equipment: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_id(self.id)
        check_name(self.name)
        _check_words(self.equipment)
        _check_unique([seat.id for seat in self.seats])


@dataclass(frozen=True, slots=True)
class Venue:
    """A building with evaluation rooms. ``equipment`` is what every seat in it has.

    Raises:
        Inadmissible: A bad id, name or capability word, or a room or seat id twice.
    """

    id: str
    name: str
    rooms: tuple[Room, ...] = ()
    equipment: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_id(self.id)
        check_name(self.name)
        _check_words(self.equipment)
        _check_unique([room.id for room in self.rooms])
        _check_unique([seat.id for room in self.rooms for seat in room.seats])


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a request asks of one venue.

    Args:
        seats: How many seats, 1 to ``MAX_SEATS``.
        kind: The kind of seat, or None if any will do.
        equipment: Capability words every seat must have, of its own or from room or venue.
        overnight: The room or venue must allow staying the night.

    Raises:
        Inadmissible: A number out of range, or a bad capability word.
    """

    seats: int
    kind: SeatKind | None = None
    equipment: frozenset[str] = frozenset()
    overnight: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.seats <= MAX_SEATS:
            raise Inadmissible(
                f"席位数应在1至{MAX_SEATS}之间,现为{self.seats}",
                f"the number of seats must lie between 1 and {MAX_SEATS}, not {self.seats}",
            )
        _check_words(self.equipment)

    @property
    def needed(self) -> frozenset[str]:
        """Every capability word asked for, ``overnight`` among them."""
        return self.equipment | {OVERNIGHT} if self.overnight else self.equipment


def suits(venue: Venue, room: Room, seat: Seat, requirement: Requirement) -> bool:
    """Whether ``seat``, where it stands, offers what is asked for."""
    offered = venue.equipment | room.equipment | seat.equipment
    return requirement.needed <= offered and requirement.kind in {None, seat.kind}


def choose_seats(
    venues: Sequence[Venue], requirement: Requirement, taken: AbstractSet[str]
) -> tuple[str, ...] | None:
    """Choose seats for one request, all in one building.

    One room is preferred, and of several the one that is left with the fewest free seats, so
    that big rooms stay free for big committees; equals are decided by id. Only when no room
    is big enough are rooms of one venue joined, the emptiest first, so that they are few.
    The order in which venues, rooms and seats are listed does not matter.

    Args:
        venues: Venues of one center; seat ids must be unique among them.
        requirement: What is asked for.
        taken: Ids of seats that are not free in the window asked for.

    Returns:
        Exactly ``requirement.seats`` seat ids, or None if no venue has them.
    """
    free = {
        venue.id: sorted(_free_by_room(venue, requirement, taken))
        for venue in sorted(venues, key=lambda venue: venue.id)
    }
    count = requirement.seats
    single = [
        (len(seats), venue_id, room_id, seats)
        for venue_id, rooms in free.items()
        for room_id, seats in rooms
        if len(seats) >= count
    ]
    if single:
        return min(single)[3][:count]
    for rooms in free.values():
        emptiest_first = sorted(rooms, key=lambda room: (-len(room[1]), room[0]))
        joined = tuple(seat for _, seats in emptiest_first for seat in seats)
        if len(joined) >= count:
            return joined[:count]
    return None


def _free_by_room(
    venue: Venue, requirement: Requirement, taken: AbstractSet[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for room in venue.rooms:
        yield (
            room.id,
            tuple(
                sorted(
                    seat.id
                    for seat in room.seats
                    if seat.id not in taken and suits(venue, room, seat, requirement)
                )
            ),
        )


def check_id(text: str) -> None:
    """Refuse an id of a venue, room or seat that is empty, too long or has stray blanks."""
    if not 0 < len(text) <= MAX_ID_CHARS or not text.isprintable() or text != text.strip():
        raise Inadmissible(
            f"编号应为1至{MAX_ID_CHARS}个可见字符,首尾无空格",
            f"an id has 1 to {MAX_ID_CHARS} visible characters, no blanks around them",
        )


def check_name(text: str) -> None:
    """Refuse a name of a venue or room that is empty, too long or invisible."""
    if not 0 < len(text) <= MAX_NAME_CHARS or not text.isprintable() or not text.strip():
        raise Inadmissible(
            f"名称应为1至{MAX_NAME_CHARS}个可见字符",
            f"a name has 1 to {MAX_NAME_CHARS} visible characters",
        )


def _check_words(words: frozenset[str]) -> None:
    for word in sorted(words):
        if capability(word) != word:
            raise Inadmissible(
                f"设备名“{word[:32]}”须为小写且无空格",
                f"capability word {word[:32]!r} must be in small letters without blanks",
            )


def _check_unique(ids: list[str]) -> None:
    twice = sorted(one for one, times in Counter(ids).items() if times > 1)
    if twice:
        raise Inadmissible(
            f"编号重复:{'、'.join(twice[:8])}",
            f"used more than once: {', '.join(twice[:8])}",
        )
