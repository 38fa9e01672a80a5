"""The legal cells of a booking, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.booking import HOST, SUB
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW HELD PROMISED CONFIRMED COMPLETED DECLINED RELEASED EXPIRED IN_DOUBT REFUSED"
    " CHANGING CHANGE_PROMISED CANCELLED",
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

    HELD       Vote.BOOK       CONFIRMED  SUB   HOST
    CONFIRMED  Decide.CONFIRM  CONFIRMED  HOST  SUB
    CONFIRMED  Decide.ABORT    RELEASED   -     SUB
    CANCELLED  Decide.ABORT    RELEASED   -     SUB
    CANCELLED  Decide.CONFIRM  CANCELLED  -     SUB
    RELEASED   Decide.ABORT    RELEASED   -     SUB
    RELEASED   Vote.BOOK       RELEASED   -     HOST
    RELEASED   Substitute      RELEASED   -     HOST
    RELEASED   Readiness       RELEASED   -     HOST
    RELEASED   Cancel          RELEASED   -     HOST/SUB

    CONFIRMED        Move            CHANGING         HOST  SUB
    CONFIRMED        Extend          CHANGING         HOST  SUB
    CHANGING         Consent.YES     CHANGE_PROMISED  SUB   HOST
    CHANGING         Consent.NO      CONFIRMED        SUB   HOST
    CHANGE_PROMISED  Settle.CONFIRM  CONFIRMED        HOST  SUB
    CHANGE_PROMISED  Settle.ABORT    CONFIRMED        HOST  SUB
    CONFIRMED        Settle.CONFIRM  CONFIRMED        -     SUB
    CONFIRMED        Settle.ABORT    CONFIRMED        -     SUB
    CONFIRMED        Substitute      CONFIRMED        SUB   HOST
    CONFIRMED        Readiness       CONFIRMED        SUB   HOST
    CHANGING         Substitute      CHANGING         -     HOST
    CHANGING         Readiness       CHANGING         -     HOST

    CONFIRMED        Cancel          CANCELLED        HOST/SUB  HOST/SUB
    CHANGING         Cancel          CANCELLED        HOST/SUB  HOST/SUB
    CHANGE_PROMISED  Cancel          CANCELLED        HOST/SUB  HOST/SUB
    CHANGING         Complete        COMPLETED        HOST  SUB
    CHANGE_PROMISED  Complete        COMPLETED        HOST  SUB

    CANCELLED  Cancel          CANCELLED  -     HOST/SUB
    CANCELLED  Consent.YES     CANCELLED  -     HOST
    CANCELLED  Consent.NO      CANCELLED  -     HOST
    CANCELLED  Substitute      CANCELLED  -     HOST
    CANCELLED  Readiness       CANCELLED  -     HOST
    CANCELLED  Move            CANCELLED  -     SUB
    CANCELLED  Extend          CANCELLED  -     SUB
    CANCELLED  Settle.CONFIRM  CANCELLED  -     SUB
    CANCELLED  Settle.ABORT    CANCELLED  -     SUB
    CANCELLED  Complete        COMPLETED  -     SUB

    COMPLETED  Cancel          COMPLETED  -     HOST/SUB
    COMPLETED  Consent.YES     COMPLETED  -     HOST
    COMPLETED  Consent.NO      COMPLETED  -     HOST
    COMPLETED  Substitute      COMPLETED  -     HOST
    COMPLETED  Readiness       COMPLETED  -     HOST
    """,
)
