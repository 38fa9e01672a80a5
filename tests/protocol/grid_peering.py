"""The legal cells between peers, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.peering import FIRST, SECOND
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW TESTING REPORTED HELD PROMISED DECIDED HALF COMMITTED REVEALED CONCLUDED TESTED CONTESTED"
    " LAPSED ANNOUNCED STATED AGREED DISPUTED UNANSWERED REFUSED",
    (FIRST, SECOND),
    samples.PEERING,
    """
    NEW        StartTest        TESTING    FIRST         SECOND
    TESTING    ReportTest       REPORTED   SECOND        FIRST
    REPORTED   RehearseHold     HELD       FIRST         SECOND
    HELD       RehearseVote     PROMISED   SECOND        FIRST
    PROMISED   RehearseDecide   DECIDED    FIRST         SECOND
    DECIDED    RehearseCommit   HALF       SECOND        FIRST
    HALF       RehearseCommit   COMMITTED  FIRST         SECOND
    COMMITTED  RehearseReveal   REVEALED   SECOND        FIRST
    REVEALED   ConcludeTest     CONCLUDED  FIRST         SECOND
    CONCLUDED  CountersignTest  TESTED     SECOND        FIRST
    CONCLUDED  ContestTest      CONTESTED  SECOND        FIRST
    NEW        AnnouncePool     ANNOUNCED  FIRST/SECOND  FIRST/SECOND
    LAPSED     ReportTest       LAPSED     -             FIRST
    LAPSED     RehearseHold     LAPSED     -             SECOND
    LAPSED     RehearseVote     LAPSED     -             FIRST
    LAPSED     RehearseDecide   LAPSED     -             SECOND
    LAPSED     RehearseCommit   LAPSED     -             FIRST/SECOND
    LAPSED     RehearseReveal   LAPSED     -             FIRST
    LAPSED     ConcludeTest     LAPSED     -             SECOND
    LAPSED     CountersignTest  TESTED     -             FIRST
    LAPSED     ContestTest      CONTESTED  -             FIRST
    NEW        StateUsage       STATED     FIRST         SECOND
    STATED     AgreeUsage       AGREED     SECOND        FIRST
    STATED     DisputeUsage     DISPUTED   SECOND        FIRST
    UNANSWERED AgreeUsage       AGREED     -             FIRST
    UNANSWERED DisputeUsage     DISPUTED   -             FIRST
    """,
)
