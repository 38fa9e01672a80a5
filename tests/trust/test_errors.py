"""What is missing on a machine is never mistaken for what is wrong with a message."""

import pytest

from federation.trust.errors import BadKey, CannotOpen, SuiteUnavailable, UnknownSuite


@pytest.mark.parametrize("about_bytes", [BadKey, CannotOpen, UnknownSuite])
def test_a_missing_provider_is_not_caught_as_bad_bytes(about_bytes: type[Exception]) -> None:
    assert not issubclass(SuiteUnavailable, (ValueError, about_bytes))


def test_bad_keys_and_unknown_suites_are_bad_values() -> None:
    assert issubclass(BadKey, ValueError)
    assert issubclass(UnknownSuite, ValueError)
