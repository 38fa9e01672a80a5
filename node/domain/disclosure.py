"""Who may see what of an evaluation at which stage: the matrix of confidentiality, as data.

Members' names are secret until the award is determined (招标投标法第三十七条); under 四不知 the
host does not know the sub, the sub not the project, the staff not the experts, and the experts
not the project, until the evaluation has started and they stand there in person. Here: the
matrix, and the stage that an evaluation has come to, both pure. Not here: where names are kept
and shown by it (``node.store.shown``), and whom a blind selection hides (``node.services.veil``).

What is told cannot be untold: along the stages no sight narrows, but for the bidders, whose
list the pool's side needs for one check only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final

from federation.protocol import booking, draw
from node.domain.project import SelectionMode


class Item(Enum):
    """What is seen, and by whom."""

    PROJECT_TO_SUB = "a project's and its lots' names, to the sub-venue's staff"
    SUB_TO_HOST = "which center is the sub-venue, to the host's people"
    EXPERTS_TO_STAFF = "the members' names, to the staff of either side"
    EXPERTS_TO_TRADING = "the members' names, to the host's e-trading system"
    BIDDERS_TO_POOL = "who has bid, to the center whose pool is drawn from"
    PROJECT_TO_EXPERT = "the project, to an expert who was drawn"


class Stage(IntEnum):
    """How far an evaluation has come."""

    REQUESTED = 1
    HELD = 2
    CONFIRMED = 3
    DRAWN = 4
    STARTED = 5
    AWARDED = 6


class Profile(Enum):
    """What the agreement says of secrecy: ``sealed_disclosure``."""

    SEALED = "四不知"
    OPEN = "law only"


class Sight(Enum):
    """What may be seen."""

    NOT_THERE = "there is nothing to see"
    NOTHING = "it is hidden"
    ABBREVIATED = "its kind only: works, goods or services"
    COUNTS = "how many, and how far they are"
    TIME_AND_PLACE = "when and where, never what for"
    ENVELOPE = "sealed: whoever carries it cannot read it"
    CHECKED_IN = "who has shown his card and face at one's own site, to whom it concerns"
    RECUSAL_ONLY = "to compare it with those who were drawn, and for nothing else"
    FULL = "all"


_Row = tuple[Sight, Sight, Sight, Sight, Sight, Sight]
_NO: Final = Sight.NOTHING
_NONE: Final = Sight.NOT_THERE
_ALL: Final = Sight.FULL
_KIND: Final = Sight.ABBREVIATED

#                requested  held   confirmed  drawn          started             awarded
_SEALED_PROJECT: Final[_Row] = (_NO, _NO, _NO, _NO, _ALL, _ALL)
_OPEN_PROJECT: Final[_Row] = (_NO, _NO, _KIND, _KIND, _ALL, _ALL)
_KNOWN_SUB: Final[_Row] = (_ALL, _ALL, _ALL, _ALL, _ALL, _ALL)
_BLIND_SUB: Final[_Row] = (_NO, _NO, _NO, _NO, _ALL, _ALL)
_NAMES: Final[_Row] = (_NONE, _NONE, _NONE, Sight.COUNTS, Sight.CHECKED_IN, _ALL)
_LISTS: Final[_Row] = (_NONE, _NONE, _NONE, Sight.ENVELOPE, _ALL, _ALL)
_BIDDERS: Final[_Row] = (_NO, _NO, _NO, _NO, Sight.RECUSAL_ONLY, _NONE)
_EXPERTS: Final[_Row] = (_NO, _NO, _NO, Sight.TIME_AND_PLACE, _ALL, _ALL)

_MATRIX: Final[Mapping[tuple[Item, Profile], _Row]] = MappingProxyType(
    {
        (Item.PROJECT_TO_SUB, Profile.SEALED): _SEALED_PROJECT,
        # An abbreviation is what regions without 四不知 give the sub; then it keeps it.
        (Item.PROJECT_TO_SUB, Profile.OPEN): _OPEN_PROJECT,
        # The law itself hides names and bidders, whatever two centers agree on.
        **{(Item.EXPERTS_TO_STAFF, profile): _NAMES for profile in Profile},
        **{(Item.EXPERTS_TO_TRADING, profile): _LISTS for profile in Profile},
        **{(Item.BIDDERS_TO_POOL, profile): _BIDDERS for profile in Profile},
        **{(Item.PROJECT_TO_EXPERT, profile): _EXPERTS for profile in Profile},
    }
)


def may_see(item: Item, stage: Stage, profile: Profile, mode: SelectionMode) -> Sight:
    """What may be seen of an item (``domain.md`` §1.5).

    Args:
        item: What, and by whom.
        stage: How far the evaluation has come.
        profile: What the agreement says of secrecy.
        mode: How the sub-venue was found; of a blind selection the host learns the result at
            the start, whatever the profile.
    """
    if item is Item.SUB_TO_HOST:
        row = _BLIND_SUB if mode is SelectionMode.BLIND else _KNOWN_SUB
    else:
        row = _MATRIX[item, profile]
    return row[stage - 1]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored of one booking and of what came of it.

    Args:
        booking: Its phase; empty before there is one.
        draws: The phases of the draws under it.
        started: Whether its evaluation has started, once.
        awarded: Whether the award was determined (中标结果确定).
    """

    booking: str = ""
    draws: tuple[str, ...] = ()
    started: bool = False
    awarded: bool = False


_HELD: Final = frozenset({booking.HELD, booking.PROMISED, booking.IN_DOUBT})
_CONFIRMED: Final = booking.BOOKED | {booking.COMPLETED}
_DRAWN: Final = frozenset(
    {draw.WALKING, draw.ASKED, draw.INVITED, draw.SEALED, draw.CLOSED, draw.RESCUED}
)


def stage(facts: Facts) -> Stage:
    """The stage that a booking and what came of it have reached.

    An evaluation that has started stays started, though its booking be cancelled or its session
    given up: what was told then is known. A draw counts from its first expert on, and only under a
    booking that stands; a booking that came to nothing is at the stage of a request.
    """
    if facts.started:
        return Stage.AWARDED if facts.awarded else Stage.STARTED
    if facts.booking in _CONFIRMED:
        return Stage.DRAWN if _DRAWN.intersection(facts.draws) else Stage.CONFIRMED
    return Stage.HELD if facts.booking in _HELD else Stage.REQUESTED


def profile(*, sealed_disclosure: bool) -> Profile:
    """The profile that an agreement's terms ask for."""
    return Profile.SEALED if sealed_disclosure else Profile.OPEN
