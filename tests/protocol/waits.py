"""Who is waited for in each phase, written by hand; and which phases are over."""

from typing import Final

from tests.protocol.laws import silences

AGREEMENT: Final = silences("""
    PROPOSED  ANSWERER  PROPOSER  2592000000  -
""")
PEERING: Final = silences("""
    TESTING   SECOND  FIRST   600000  LAPSED
    REPORTED  FIRST   SECOND  600000  LAPSED
    STATED    SECOND  FIRST   86400000  UNANSWERED
""")
BOOKING: Final = silences("""
    HELD      SUB   SUB  1800000   EXPIRED
    PROMISED  HOST  SUB  86400000  IN_DOUBT
""")
DRAW: Final = silences("""
    REQUESTED  SEALER  OWNER   1800000     -
    OPENED     OWNER   SEALER  1800000     -
    ACCEPTED   OWNER   SEALER  1800000     -
    HALF       SEALER  OWNER   1800000     -
    COMMITTED  OWNER   SEALER  1800000     -
    WALKING    SEALER  OWNER   1800000     -
    ASKED      OWNER   SEALER  1800000     -
    INVITED    OWNER   SEALER  3600000     -
    SEALED     SEALER  OWNER   5184000000  -
""")
SESSION: Final = silences("""
    CONVENED     SUB   HOST  432000000   -
    READY        HOST  SUB   432000000   -
    RUNNING      HOST  SUB   432000000   -
    CHAIRED      HOST  SUB   432000000   -
    SIGNING      SUB   HOST  432000000   -
    SUSPENDED    HOST  SUB   432000000   -
    RESUMING     SUB   HOST  432000000   -
    FINISHED     SUB   HOST  1209600000  -
    HANDED_OVER  HOST  SUB   1209600000  -
""")

AGREEMENT_OVER: Final = frozenset({"ACTIVE", "DECLINED", "WITHDRAWN"})
PEERING_OVER: Final = frozenset(
    {"TESTED", "LAPSED", "ANNOUNCED", "AGREED", "DISPUTED", "UNANSWERED"}
)
BOOKING_OVER: Final = frozenset({"COMPLETED", "DECLINED", "RELEASED", "EXPIRED"})
DRAW_OVER: Final = frozenset({"CLOSED", "VOID"})
SESSION_OVER: Final = frozenset({"ARCHIVED"})
