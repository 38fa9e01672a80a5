"""The legal cells of an agreement, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.agreement import ANSWERER, PROPOSER
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW PROPOSED ACTIVE DECLINED WITHDRAWN REFUSED",
    (PROPOSER, ANSWERER),
    samples.AGREEMENT,
    """
    NEW        Propose   PROPOSED   PROPOSER  ANSWERER
    PROPOSED   Sign      ACTIVE     ANSWERER  PROPOSER
    PROPOSED   Decline   DECLINED   ANSWERER  PROPOSER
    PROPOSED   Withdraw  WITHDRAWN  PROPOSER  ANSWERER
    WITHDRAWN  Sign      ACTIVE     -         PROPOSER
    WITHDRAWN  Decline   DECLINED   -         PROPOSER
    ACTIVE     Withdraw  ACTIVE     -         ANSWERER
    DECLINED   Withdraw  DECLINED   -         ANSWERER
    """,
)
