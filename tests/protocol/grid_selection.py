"""The legal cells of a lottery of sub-venues, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.selection import HOST, SUB
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW INVITED ENTERED GATHERED DISCLOSED RANKED PASSED VOID REFUSED",
    (HOST, SUB),
    samples.SELECTION,
    """
    NEW        Invite    INVITED    HOST      SUB
    INVITED    Enter     ENTERED    SUB       HOST
    INVITED    Pass      PASSED     SUB       HOST
    ENTERED    Gather    GATHERED   HOST      SUB
    GATHERED   Disclose  DISCLOSED  SUB       HOST
    DISCLOSED  Rank      RANKED     HOST      SUB
    INVITED    Abandon   VOID       HOST      SUB
    ENTERED    Abandon   VOID       HOST/SUB  HOST/SUB
    GATHERED   Abandon   VOID       HOST/SUB  HOST/SUB
    DISCLOSED  Abandon   VOID       HOST/SUB  HOST/SUB
    VOID       Abandon   VOID       -         HOST/SUB
    VOID       Enter     VOID       -         HOST
    VOID       Gather    VOID       -         SUB
    VOID       Disclose  VOID       -         HOST
    VOID       Pass      PASSED     -         HOST
    PASSED     Abandon   PASSED     -         HOST/SUB
    VOID       Rank      RANKED     -         SUB
    RANKED     Abandon   RANKED     -         HOST/SUB
    """,
)
