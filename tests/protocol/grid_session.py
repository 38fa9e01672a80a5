"""The legal cells of a session, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.session import HOST, SUB
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW CONVENED READY RUNNING CHAIRED SIGNING SUSPENDED RESUMING REPLACING FINISHED HANDED_OVER"
    " ARCHIVED REFUSED",
    (HOST, SUB),
    samples.SESSION,
    """
    NEW          Convene     CONVENED     HOST      SUB
    CONVENED     CheckIn     CONVENED     SUB       HOST
    CONVENED     Ready       READY        SUB       HOST
    READY        Start       RUNNING      HOST      SUB
    RUNNING      Ballot      RUNNING      SUB       HOST
    RUNNING      Elect       CHAIRED      HOST      SUB
    CHAIRED      Present     SIGNING      HOST      SUB
    SIGNING      SignReport  SIGNING      SUB       HOST
    SIGNING      Finish      FINISHED     HOST      SUB
    FINISHED     HandOver    HANDED_OVER  SUB       HOST
    HANDED_OVER  Receive     ARCHIVED     HOST      SUB
    CHAIRED      Suspend     SUSPENDED    HOST/SUB  HOST/SUB
    SUSPENDED    Resume      RESUMING     HOST      SUB
    RESUMING     Ready       CHAIRED      SUB       HOST
    SUSPENDED    Suspend     SUSPENDED    -         HOST/SUB
    RESUMING     Suspend     RESUMING     -         HOST/SUB
    SIGNING      Suspend     SIGNING      -         HOST/SUB
    FINISHED     Suspend     FINISHED     -         HOST/SUB
    SUSPENDED    Present     SIGNING      -         SUB
    CHAIRED      Ballot      CHAIRED      -         HOST
    SUSPENDED    Ballot      SUSPENDED    -         HOST
    RESUMING     Ballot      RESUMING     -         HOST
    SIGNING      Ballot      SIGNING      -         HOST
    FINISHED     Ballot      FINISHED     -         HOST
    FINISHED     SignReport  FINISHED     -         HOST
    READY        Replace     REPLACING    HOST      SUB
    RUNNING      Replace     REPLACING    HOST      SUB
    CHAIRED      Replace     REPLACING    HOST      SUB
    SIGNING      Replace     REPLACING    HOST      SUB
    REPLACING    CheckIn     REPLACING    SUB       HOST
    REPLACING    Ready       READY        SUB       HOST
    SUSPENDED    Replace     REPLACING    -         SUB
    REPLACING    Suspend     REPLACING    -         HOST/SUB
    REPLACING    Ballot      REPLACING    -         HOST
    REPLACING    SignReport  REPLACING    -         HOST
    """,
)
