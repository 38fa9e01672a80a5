"""The legal cells of a draw, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.draw import OWNER, SEALER
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW REQUESTED OPENED ACCEPTED HALF COMMITTED WALKING ASKED INVITED SEALED CLOSED VOID REFUSED",
    (OWNER, SEALER),
    samples.DRAW,
    """
    NEW        RequestDraw     REQUESTED  OWNER         SEALER
    NEW        Open            OPENED     SEALER        OWNER
    REQUESTED  Open            OPENED     SEALER        OWNER
    OPENED     AcceptDraw      ACCEPTED   OWNER         SEALER
    ACCEPTED   Commit          HALF       OWNER         SEALER
    HALF       Commit          COMMITTED  SEALER        OWNER
    COMMITTED  Reveal          WALKING    OWNER         SEALER
    WALKING    Next            ASKED      SEALER        OWNER
    ASKED      Verdict.INVITE  INVITED    OWNER         SEALER
    ASKED      Verdict.SKIP    WALKING    OWNER         SEALER
    INVITED    Report.ANSWER   WALKING    OWNER         SEALER
    WALKING    Shortfall       WALKING    OWNER         SEALER
    WALKING    Result          SEALED     OWNER         SEALER
    SEALED     Report.LEAVE    WALKING    OWNER         SEALER
    SEALED     Close           CLOSED     SEALER        OWNER
    REQUESTED  Fault           VOID       OWNER/SEALER  OWNER/SEALER
    OPENED     Fault           VOID       OWNER/SEALER  OWNER/SEALER
    ACCEPTED   Fault           VOID       OWNER/SEALER  OWNER/SEALER
    HALF       Fault           VOID       OWNER/SEALER  OWNER/SEALER
    COMMITTED  Fault           VOID       OWNER/SEALER  OWNER/SEALER
    WALKING    Fault           VOID       OWNER/SEALER  OWNER/SEALER
    ASKED      Fault           VOID       OWNER/SEALER  OWNER/SEALER
    INVITED    Fault           VOID       OWNER/SEALER  OWNER/SEALER
    SEALED     Fault           VOID       OWNER/SEALER  OWNER/SEALER
    VOID       Open            VOID       -             OWNER
    VOID       AcceptDraw      VOID       -             SEALER
    VOID       Commit          VOID       -             OWNER/SEALER
    VOID       Reveal          VOID       -             SEALER
    VOID       Next            VOID       -             OWNER
    VOID       Verdict.INVITE  VOID       -             SEALER
    VOID       Verdict.SKIP    VOID       -             SEALER
    VOID       Report.ANSWER   VOID       -             SEALER
    VOID       Report.LEAVE    VOID       -             SEALER
    VOID       Shortfall       VOID       -             SEALER
    VOID       Result          VOID       -             SEALER
    VOID       Fault           VOID       -             OWNER/SEALER
    VOID       Close           CLOSED     -             OWNER
    WALKING    Close           CLOSED     -             OWNER
    CLOSED     Report.LEAVE    CLOSED     -             SEALER
    CLOSED     Shortfall       CLOSED     -             SEALER
    CLOSED     Result          CLOSED     -             SEALER
    CLOSED     Fault           CLOSED     -             OWNER/SEALER
    """,
)
