"""The legal cells of an agreement, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.agreement import ANSWERER, PROPOSER
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW PROPOSED COUNTERED ACTIVE SUSPENDED_BY_PROPOSER SUSPENDED_BY_ANSWERER SUSPENDED"
    " TERMINATED DECLINED WITHDRAWN REFUSED",
    (PROPOSER, ANSWERER),
    samples.AGREEMENT,
    """
    NEW        Propose   PROPOSED   PROPOSER           ANSWERER
    PROPOSED   Sign      ACTIVE     ANSWERER           PROPOSER
    PROPOSED   Counter   COUNTERED  ANSWERER           PROPOSER
    PROPOSED   Decline   DECLINED   ANSWERER           PROPOSER
    PROPOSED   Withdraw  WITHDRAWN  PROPOSER/ANSWERER  PROPOSER/ANSWERER
    COUNTERED  Sign      ACTIVE     PROPOSER           ANSWERER
    COUNTERED  Counter   PROPOSED   PROPOSER           ANSWERER
    COUNTERED  Decline   DECLINED   PROPOSER           ANSWERER
    COUNTERED  Withdraw  WITHDRAWN  PROPOSER/ANSWERER  PROPOSER/ANSWERER
    WITHDRAWN  Sign      ACTIVE     -                  PROPOSER/ANSWERER
    WITHDRAWN  Counter   WITHDRAWN  -                  PROPOSER/ANSWERER
    WITHDRAWN  Decline   DECLINED   -                  PROPOSER/ANSWERER
    WITHDRAWN  Withdraw  WITHDRAWN  -                  PROPOSER/ANSWERER
    DECLINED   Withdraw  DECLINED   -                  PROPOSER/ANSWERER

    ACTIVE                 SuspendAgreement.PROPOSER  SUSPENDED_BY_PROPOSER  PROPOSER  ANSWERER
    ACTIVE                 SuspendAgreement.ANSWERER  SUSPENDED_BY_ANSWERER  ANSWERER  PROPOSER
    ACTIVE                 Terminate         TERMINATED  PROPOSER/ANSWERER  PROPOSER/ANSWERER
    ACTIVE                 Withdraw          ACTIVE      -                  PROPOSER/ANSWERER
    SUSPENDED_BY_PROPOSER  ResumeAgreement.PROPOSER   ACTIVE                 PROPOSER  ANSWERER
    SUSPENDED_BY_PROPOSER  SuspendAgreement.ANSWERER  SUSPENDED              ANSWERER  PROPOSER
    SUSPENDED_BY_PROPOSER  Terminate         TERMINATED  PROPOSER/ANSWERER  PROPOSER/ANSWERER
    SUSPENDED_BY_PROPOSER  Withdraw          SUSPENDED_BY_PROPOSER  -  PROPOSER/ANSWERER
    SUSPENDED_BY_ANSWERER  ResumeAgreement.ANSWERER   ACTIVE                 ANSWERER  PROPOSER
    SUSPENDED_BY_ANSWERER  SuspendAgreement.PROPOSER  SUSPENDED              PROPOSER  ANSWERER
    SUSPENDED_BY_ANSWERER  Terminate         TERMINATED  PROPOSER/ANSWERER  PROPOSER/ANSWERER
    SUSPENDED_BY_ANSWERER  Withdraw          SUSPENDED_BY_ANSWERER  -  PROPOSER/ANSWERER
    SUSPENDED              ResumeAgreement.PROPOSER   SUSPENDED_BY_ANSWERER  PROPOSER  ANSWERER
    SUSPENDED              ResumeAgreement.ANSWERER   SUSPENDED_BY_PROPOSER  ANSWERER  PROPOSER
    SUSPENDED              Terminate         TERMINATED  PROPOSER/ANSWERER  PROPOSER/ANSWERER
    SUSPENDED              Withdraw          SUSPENDED   -                  PROPOSER/ANSWERER
    TERMINATED             SuspendAgreement.PROPOSER  TERMINATED  PROPOSER           ANSWERER
    TERMINATED             SuspendAgreement.ANSWERER  TERMINATED  ANSWERER           PROPOSER
    TERMINATED             ResumeAgreement.PROPOSER   TERMINATED  PROPOSER           ANSWERER
    TERMINATED             ResumeAgreement.ANSWERER   TERMINATED  ANSWERER           PROPOSER
    TERMINATED             Terminate         TERMINATED  PROPOSER/ANSWERER  PROPOSER/ANSWERER
    TERMINATED             Withdraw          TERMINATED  -                  PROPOSER/ANSWERER
    """,
)
