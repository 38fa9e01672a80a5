"""The legal cells of a value from outside, written by hand from the protocol's description."""

from typing import Final

from federation.protocol.contribution import ASKER, CONTRIBUTOR
from tests.protocol import samples
from tests.protocol.grids import grid

GRID: Final = grid(
    "NEW ASKED PLEDGED BOUND GIVEN ACCOUNTED PASSED RELEASED UNBOUND UNACCOUNTED REFUSED",
    (ASKER, CONTRIBUTOR),
    samples.CONTRIBUTION,
    """
    NEW        AskValue    ASKED      ASKER        CONTRIBUTOR
    ASKED      Pledge      PLEDGED    CONTRIBUTOR  ASKER
    ASKED      PassValue   PASSED     CONTRIBUTOR  ASKER
    PLEDGED    Bind        BOUND      ASKER        CONTRIBUTOR
    BOUND      Contribute  GIVEN      CONTRIBUTOR  ASKER
    BOUND      Account     ACCOUNTED  ASKER        CONTRIBUTOR
    GIVEN      Account     ACCOUNTED  ASKER        CONTRIBUTOR
    ASKED      Release     RELEASED   ASKER        CONTRIBUTOR
    PLEDGED    Release     RELEASED   ASKER        CONTRIBUTOR
    BOUND      Release     RELEASED   ASKER        CONTRIBUTOR
    GIVEN      Release     RELEASED   ASKER        CONTRIBUTOR
    PASSED     Release     PASSED     -            CONTRIBUTOR
    RELEASED   Pledge      RELEASED   -            ASKER
    RELEASED   PassValue   PASSED     -            ASKER
    RELEASED   Contribute  RELEASED   -            ASKER
    UNBOUND    Bind        BOUND      -            CONTRIBUTOR
    UNBOUND    Release     RELEASED   -            CONTRIBUTOR
    UNACCOUNTED Account    ACCOUNTED  -            CONTRIBUTOR
    UNACCOUNTED Release    RELEASED   -            CONTRIBUTOR
    ACCOUNTED  Contribute  ACCOUNTED  -            ASKER
    """,
)
