"""The legal cells between peers, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.peering import FIRST, SECOND
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW TESTING REPORTED TESTED LAPSED ANNOUNCED STATED AGREED DISPUTED UNANSWERED REFUSED",
    (FIRST, SECOND),
    samples.PEERING,
    """
    NEW        StartTest     TESTING    FIRST         SECOND
    TESTING    ReportTest    REPORTED   SECOND        FIRST
    REPORTED   ConcludeTest  TESTED     FIRST         SECOND
    NEW        AnnouncePool  ANNOUNCED  FIRST/SECOND  FIRST/SECOND
    LAPSED     ReportTest    LAPSED     -             FIRST
    LAPSED     ConcludeTest  TESTED     -             SECOND
    NEW        StateUsage    STATED     FIRST         SECOND
    STATED     AgreeUsage    AGREED     SECOND        FIRST
    STATED     DisputeUsage  DISPUTED   SECOND        FIRST
    UNANSWERED AgreeUsage    AGREED     -             FIRST
    UNANSWERED DisputeUsage  DISPUTED   -             FIRST
    """,
)
