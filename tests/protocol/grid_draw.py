"""The legal cells of a draw, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.draw import OWNER, SEALER
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW REQUESTED OPENED ACCEPTED HALF COMMITTED WALKING ASKED INVITED SEALED RESCUED CLOSED"
    " VOID REFUSED",
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
    WALKING    Rescue          RESCUED    OWNER         SEALER
    SEALED     Rescue          RESCUED    OWNER         SEALER
    RESCUED    Proceed         RESCUED    OWNER         SEALER
    RESCUED    Verdict.INVITE  RESCUED    OWNER         SEALER
    RESCUED    Verdict.SKIP    RESCUED    OWNER         SEALER
    RESCUED    Report.ANSWER   RESCUED    OWNER         SEALER
    RESCUED    Report.LEAVE    RESCUED    OWNER         SEALER
    RESCUED    Shortfall       RESCUED    OWNER         SEALER
    RESCUED    Result          RESCUED    OWNER         SEALER
    RESCUED    Conclude        CLOSED     OWNER         SEALER
    VOID       Rescue          RESCUED    -             SEALER
    ASKED      Rescue          RESCUED    -             SEALER
    RESCUED    Fault           RESCUED    -             OWNER/SEALER
    RESCUED    Next            RESCUED    -             OWNER
    RESCUED    Close           CLOSED     -             OWNER
    CLOSED     Rescue          CLOSED     -             SEALER
    CLOSED     Close           CLOSED     -             OWNER
    CLOSED     Next            CLOSED     -             OWNER
    CLOSED     Proceed         CLOSED     -             SEALER
    CLOSED     Conclude        CLOSED     -             SEALER
    CLOSED     Verdict.INVITE  CLOSED     -             SEALER
    CLOSED     Verdict.SKIP    CLOSED     -             SEALER
    CLOSED     Report.ANSWER   CLOSED     -             SEALER
    """,
)
