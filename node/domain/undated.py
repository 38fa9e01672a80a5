"""A pseudo-booking: what is asked for while the date of the evaluation is not fixed.

It holds no capacity anywhere. Once there is a date it becomes an ordinary request.
"""

from dataclasses import dataclass, fields
from typing import Final

from federation.ids import CenterId
from node.domain.calendar import Window
from node.domain.project import BookingRequest, ExpertSlots, SelectionMode, SubRequirement

_SOMEWHEN: Final = Window(1_800_000, 3_600_000)  # any window will do: no check looks at it


@dataclass(frozen=True, slots=True)
class UndatedRequest:
    """A ``BookingRequest`` without its window.

    Raises:
        Inadmissible: As a ``BookingRequest``.
    """

    host_seats: int
    representatives: int
    host_slots: tuple[ExpertSlots, ...]
    subs: tuple[SubRequirement, ...]
    mode: SelectionMode
    chosen: tuple[CenterId, ...] = ()

    def __post_init__(self) -> None:
        self.somewhen()

    @classmethod
    def of(cls, request: BookingRequest) -> "UndatedRequest":
        """The same request without its window."""
        return cls(*(getattr(request, each.name) for each in fields(cls)))

    def dated(self, window: Window) -> BookingRequest:
        """The request for a window."""
        return BookingRequest(
            window=window,
            host_seats=self.host_seats,
            representatives=self.representatives,
            host_slots=self.host_slots,
            subs=self.subs,
            mode=self.mode,
            chosen=self.chosen,
        )

    def somewhen(self) -> BookingRequest:
        """The request for a window that means nothing, for what needs one."""
        return self.dated(_SOMEWHEN)
