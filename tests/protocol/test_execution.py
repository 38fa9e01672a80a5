"""What an agreement allows of draws and archives, where no limit of one term is at stake.

The limits of the terms are in ``test_enforcement``.
"""

from dataclasses import replace

import pytest

from federation.errors import FederationError
from federation.protocol import execution
from tests.protocol.test_enforcement import NOW, TERMS


def test_retention_classes_are_told_from_the_shortest() -> None:
    days = list(execution.RETENTION_DAYS.values())
    assert days == sorted(days)
    assert execution.retention_class(TERMS) == "15y"
    assert execution.retention_class(replace(TERMS, av_retention_days=10**6)) == "permanent"


def test_a_pool_that_is_not_cosigned_is_not_drawn_from() -> None:
    with pytest.raises(FederationError, match="not cosigned"):
        execution.check_pool_age(replace(TERMS, pool_min_age_ms=0), None, NOW)
