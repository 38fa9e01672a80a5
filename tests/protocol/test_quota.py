"""Which bookings a quota counts, and how. The quotas' limits are in ``test_enforcement``."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import QuotaSpent
from federation.protocol import booking, quota
from federation.protocol.conversation import REFUSED, Phase
from federation.protocol.quota import Counted
from federation.protocol.terms import DAY_MS
from tests.protocol.test_enforcement import HOLD, NINE, TERMS, asked, others


@pytest.mark.parametrize(
    ("phase", "counts"),
    [
        (booking.HELD, "open used"), (booking.PROMISED, "open used"),
        (booking.IN_DOUBT, "open used"), (booking.CONFIRMED, "open used"),
        (booking.COMPLETED, "used"), (booking.DECLINED, ""), (booking.RELEASED, ""),
        (booking.EXPIRED, ""), (REFUSED, ""),
    ],
)  # fmt: skip
def test_what_counts_for_which_quota(phase: Phase, counts: str) -> None:
    one = replace(TERMS, max_open_bookings=1, max_sessions_per_period=9)
    period = replace(TERMS, max_open_bookings=9, max_sessions_per_period=1)
    for terms, kind in ((one, "open"), (period, "used")):
        check = asked(terms=terms, others=others(NINE + DAY_MS, phase=phase))
        if kind in counts.split():
            with pytest.raises(QuotaSpent):
                check()
        else:
            check()


def test_a_booking_that_is_being_moved_counts_in_both_windows() -> None:
    """Else one that is asked meanwhile and the moved one would be there at once."""
    terms = replace(
        TERMS, max_concurrent_sessions=1, max_open_bookings=9, max_sessions_per_period=9
    )
    later = NINE + DAY_MS
    for start_ms in (NINE, later):
        hold = replace(HOLD, start_ms=start_ms, end_ms=start_ms + 1)
        moving = Counted(NINE, NINE + 1, booking.CHANGE_PROMISED, asked=(later, later + 1))
        with pytest.raises(QuotaSpent):
            quota.check_quota(terms, hold, [moving], 0)
        stays = replace(moving, asked=None)
        if start_ms == later:
            quota.check_quota(terms, hold, [stays], 0)


def test_a_booking_that_is_moved_to_another_period_counts_in_both() -> None:
    terms = replace(
        TERMS, max_sessions_per_period=1, max_open_bookings=9, max_concurrent_sessions=0
    )
    later = NINE + terms.period_days * DAY_MS
    hold = replace(HOLD, start_ms=later, end_ms=later + 1)
    with pytest.raises(QuotaSpent):
        quota.check_quota(
            terms,
            hold,
            [Counted(NINE, NINE + 1, booking.CHANGE_PROMISED, asked=(later + 2, later + 3))],
            0,
        )


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=8),
    st.integers(0, 20),
    st.integers(1, 6),
    st.integers(1, 3),
)
def test_sessions_at_once_are_counted_moment_by_moment(
    spans: list[tuple[int, int]], begin: int, length: int, most: int
) -> None:
    terms = replace(TERMS, max_concurrent_sessions=most, max_open_bookings=99,
                    max_sessions_per_period=99)  # fmt: skip
    live = tuple(Counted(start, start + last, booking.CONFIRMED) for start, last in spans)
    hold = replace(HOLD, start_ms=begin, end_ms=begin + length)

    def busiest(start: int, end: int) -> int:
        return max(sum(o.start_ms <= at < o.end_ms for o in live) for at in range(start, end))

    try:
        quota.check_quota(terms, hold, live, 0)
    except QuotaSpent as error:
        assert busiest(begin, begin + length) >= most
        later = int(error.alternative.removeprefix("start_ms>="))
        assert busiest(later, later + length) < most
    else:
        assert busiest(begin, begin + length) < most
