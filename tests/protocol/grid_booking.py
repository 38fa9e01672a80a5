"""The legal cells of a booking, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.booking import HOST, SUB
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW HELD PROMISED CONFIRMED COMPLETED DECLINED RELEASED EXPIRED IN_DOUBT REFUSED",
    (HOST, SUB),
    samples.BOOKING,
    """
    NEW        Hold            HELD       HOST  SUB
    NEW        Decide.ABORT    RELEASED   HOST  SUB
    HELD       Vote.YES        PROMISED   SUB   HOST
    HELD       Vote.NO         DECLINED   SUB   HOST
    HELD       Decide.ABORT    RELEASED   HOST  SUB
    PROMISED   Decide.CONFIRM  CONFIRMED  HOST  SUB
    PROMISED   Decide.ABORT    RELEASED   HOST  SUB
    IN_DOUBT   Decide.CONFIRM  CONFIRMED  HOST  SUB
    IN_DOUBT   Decide.ABORT    RELEASED   HOST  SUB
    CONFIRMED  Complete        COMPLETED  HOST  SUB
    DECLINED   Decide.ABORT    DECLINED   HOST  SUB
    EXPIRED    Decide.ABORT    RELEASED   -     SUB
    RELEASED   Hold            RELEASED   -     SUB
    RELEASED   Vote.YES        RELEASED   -     HOST
    RELEASED   Vote.NO         DECLINED   -     HOST
    """,
)
