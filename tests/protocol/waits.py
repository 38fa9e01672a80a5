"""Who is waited for in each phase, written by hand; and which phases are over."""

from typing import Final

from federation.protocol.conversation import Phase
from tests.protocol.laws import silences

AGREEMENT: Final = silences("""
    PROPOSED   ANSWERER  PROPOSER  2592000000  -
    COUNTERED  PROPOSER  ANSWERER  2592000000  -
""")
PEERING: Final = silences("""
    TESTING    SECOND  FIRST   180000    LAPSED
    REPORTED   FIRST   SECOND  180000    LAPSED
    HELD       SECOND  FIRST   180000    LAPSED
    PROMISED   FIRST   SECOND  180000    LAPSED
    DECIDED    SECOND  FIRST   180000    LAPSED
    HALF       FIRST   SECOND  180000    LAPSED
    COMMITTED  SECOND  FIRST   180000    LAPSED
    REVEALED   FIRST   SECOND  180000    LAPSED
    CONCLUDED  SECOND  FIRST   180000    LAPSED
    STATED     SECOND  FIRST   86400000  UNANSWERED
""")
BOOKING: Final = silences("""
    HELD      SUB   SUB  1800000   EXPIRED
    PROMISED  HOST  SUB  86400000  IN_DOUBT
    CHANGING         SUB   SUB  1800000   -
    CHANGE_PROMISED  HOST  SUB  86400000  -
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
    RESCUED    OWNER   OWNER   5184000000  -
""")
SESSION: Final = silences("""
    CONVENED     SUB   HOST  432000000   -
    READY        HOST  SUB   432000000   -
    RUNNING      HOST  SUB   432000000   -
    CHAIRED      HOST  SUB   432000000   -
    SIGNING      SUB   HOST  432000000   -
    SUSPENDED    HOST  SUB   432000000   -
    RESUMING     SUB   HOST  432000000   -
    REPLACING    SUB   HOST  432000000   -
    FINISHED     SUB   HOST  1209600000  -
    HANDED_OVER  HOST  SUB   1209600000  -
""")

SELECTION: Final = silences("""
    INVITED    SUB   HOST  600000   -
    ENTERED    HOST  SUB   1800000  -
    GATHERED   SUB   HOST  600000   -
    DISCLOSED  HOST  SUB   1800000  -
""")
CONTRIBUTION: Final = silences("""
    ASKED    CONTRIBUTOR  ASKER        600000    -
    PLEDGED  ASKER        CONTRIBUTOR  86400000  UNBOUND
    BOUND    CONTRIBUTOR  ASKER        600000    -
    GIVEN    ASKER        CONTRIBUTOR  86400000  UNACCOUNTED
""")
OVERSIGHT: Final = silences("""
    ASKED      REGULATOR  CENTER  432000000  UNANSWERED
    UNSEALING  REGULATOR  CENTER  432000000  UNANSWERED
    COMPARING  REGULATOR  CENTER  432000000  UNANSWERED
    PRODUCING  CENTER  REGULATOR  259200000  MISSING
""")

AGREEMENT_OVER: Final = frozenset({
    "ACTIVE", "SUSPENDED_BY_PROPOSER", "SUSPENDED_BY_ANSWERER", "SUSPENDED", "TERMINATED",
    "DECLINED", "WITHDRAWN",
})  # fmt: skip
PEERING_OVER: Final = frozenset(
    {"TESTED", "CONTESTED", "LAPSED", "ANNOUNCED", "AGREED", "DISPUTED", "UNANSWERED"}
)
BOOKING_OVER: Final = frozenset({"COMPLETED", "DECLINED", "RELEASED", "EXPIRED", "CANCELLED"})
DRAW_OVER: Final = frozenset({"CLOSED", "VOID"})
SESSION_OVER: Final = frozenset({"ARCHIVED"})
SELECTION_OVER: Final = frozenset({"RANKED", "PASSED", "VOID"})
CONTRIBUTION_OVER: Final = frozenset({"ACCOUNTED", "PASSED", "RELEASED", "UNBOUND", "UNACCOUNTED"})
OVERSIGHT_OVER: Final = frozenset(
    {
        "PERMITTED",
        "UNSEALED",
        "COMPARED",
        "SUBMITTED",
        "STATED",
        "DENIED",
        "UNANSWERED",
        "PRODUCED",
        "MISSING",
    }
)

CONTRIBUTION_EXPLAINED: Final = frozenset(
    {
        (Phase("PLEDGED"), Phase("UNBOUND")),
        (Phase("GIVEN"), Phase("UNACCOUNTED")),
    }
)
"""The contributor has stopped waiting, and the asker owes it a word."""
PEERING_EXPLAINED: Final = frozenset({
    *((Phase("LAPSED"), Phase(other)) for other in (
        "TESTING", "REPORTED", "HELD", "PROMISED", "DECIDED", "HALF", "COMMITTED", "REVEALED",
        "CONCLUDED",
    )),
    *((Phase(other), Phase("LAPSED")) for other in (
        "REPORTED", "HELD", "PROMISED", "DECIDED", "HALF", "COMMITTED", "REVEALED", "CONCLUDED",
    )),
    (Phase("UNANSWERED"), Phase("STATED")),
})  # fmt: skip
"""Where one of two peers may stand alone: whoever stopped waiting first, and the other, who
has still its word to say or stops waiting next."""
