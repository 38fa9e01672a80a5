"""The legal cells between a center and its regulator, by hand from the protocol's description."""

from typing import Final

from federation.protocol.oversight import CENTER, REGULATOR
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW ASKED PERMITTED UNSEALING UNSEALED COMPARING COMPARED SUBMITTED STATED DENIED UNANSWERED"
    " PRODUCING PRODUCED MISSING REFUSED",
    (CENTER, REGULATOR),
    samples.OVERSIGHT,
    """
    NEW         AskPermit        ASKED      CENTER     REGULATOR
    NEW         AskUnseal        UNSEALING  CENTER     REGULATOR
    NEW         SubmitEmployers  COMPARING  CENTER     REGULATOR
    NEW         SubmitBidders    SUBMITTED  CENTER     REGULATOR
    NEW         StateAct         STATED     REGULATOR  CENTER
    NEW         SubmitReports    SUBMITTED  CENTER     REGULATOR
    NEW         AskRecords       PRODUCING  REGULATOR  CENTER
    NEW         FaultRecord      STATED     REGULATOR  CENTER
    NEW         StateCallBack    STATED     REGULATOR  CENTER
    PRODUCING   ProduceRecords   PRODUCED   CENTER     REGULATOR
    MISSING     ProduceRecords   PRODUCED   -          REGULATOR
    ASKED       Permit           PERMITTED  REGULATOR  CENTER
    ASKED       DenyRequest      DENIED     REGULATOR  CENTER
    UNSEALING   Unseal           UNSEALED   REGULATOR  CENTER
    UNSEALING   DenyRequest      DENIED     REGULATOR  CENTER
    COMPARING   Recuse           COMPARED   REGULATOR  CENTER
    COMPARING   DenyRequest      DENIED     REGULATOR  CENTER
    UNANSWERED  Permit           PERMITTED  -          CENTER
    UNANSWERED  Unseal           UNSEALED   -          CENTER
    UNANSWERED  Recuse           COMPARED   -          CENTER
    UNANSWERED  DenyRequest      DENIED     -          CENTER
    """,
)
