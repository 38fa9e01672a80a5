"""The sealer's value in escrow: opened by the regulator alone, for this draw alone."""

from functools import partial

import pytest

from federation.lottery.escrow import FalseEscrow, open_escrow, seal_escrow
from federation.lottery.ranking import VALUE_BYTES, commitment, open_hash
from federation.trust.secrets import Opener
from federation.trust.suite import GM_1, INTL_1, Suite
from federation.wire.rules import MAX_ESCROW_BYTES

SEALER = "lp1sealer"
VALUE = bytes(range(VALUE_BYTES))


@pytest.fixture(params=[INTL_1, GM_1], ids=lambda suite: suite.suite_id)
def suite(request: pytest.FixtureRequest) -> Suite:
    """Both suites."""
    chosen: Suite = request.param
    return chosen


def pair(suite: Suite, first: int) -> tuple[bytes, Opener]:
    """A public sealing key, and what opens what is sealed to it."""
    private = suite.new_private(lambda count: bytes([first]) * count)
    return suite.public_sealing(private), partial(suite.unseal, private)


def test_the_regulator_finds_the_value_that_was_committed_to(suite: Suite) -> None:
    """What the sealer sealed is what the regulator opens."""
    opened_at = open_hash(suite, b"open")
    public, opener = pair(suite, 7)

    escrow = seal_escrow(suite, public, opened_at, SEALER, VALUE)

    committed = commitment(suite, opened_at, SEALER, VALUE)
    assert open_escrow(suite, opener, opened_at, SEALER, committed, escrow) == VALUE
    assert VALUE not in escrow
    assert len(escrow) <= MAX_ESCROW_BYTES


@pytest.mark.parametrize("wrong", ["draw", "sealer", "regulator", "bytes"])
def test_an_escrow_of_something_else_does_not_open(suite: Suite, wrong: str) -> None:
    """It is bound to one draw, one sealer and one regulator."""
    opened_at = open_hash(suite, b"another" if wrong == "draw" else b"open")
    center = "lp1other" if wrong == "sealer" else SEALER
    public, opener = pair(suite, 7)
    if wrong == "regulator":
        _, opener = pair(suite, 8)
    escrow = seal_escrow(suite, public, open_hash(suite, b"open"), SEALER, VALUE)
    if wrong == "bytes":
        escrow = escrow[:-1] + bytes([escrow[-1] ^ 1])
    committed = commitment(suite, opened_at, center, VALUE)

    with pytest.raises(FalseEscrow, match="does not open"):
        open_escrow(suite, opener, opened_at, center, committed, escrow)


@pytest.mark.parametrize(
    ("held", "said"), [(bytes(VALUE_BYTES), "not the one"), (VALUE[:-1], "31 bytes")]
)
def test_an_escrow_that_holds_something_else_is_false(suite: Suite, held: bytes, said: str) -> None:
    """It opens, and shows that the sealer lied."""
    opened_at = open_hash(suite, b"open")
    public, opener = pair(suite, 7)
    escrow = seal_escrow(suite, public, opened_at, SEALER, held)
    committed = commitment(suite, opened_at, SEALER, VALUE)

    with pytest.raises(FalseEscrow, match=said):
        open_escrow(suite, opener, opened_at, SEALER, committed, escrow)
