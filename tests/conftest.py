"""Set-up shared by all tests: how hard Hypothesis tries, and which suite centers speak."""

import os

import pytest
from hypothesis import settings

from tests.support import pair

# CI must fail for a reason in the diff, never for an unlucky draw; the nightly run is the
# one that explores: HYPOTHESIS_PROFILE=nightly make test.
settings.register_profile("ci", derandomize=True, max_examples=200, deadline=None)
# The same tests once more, for what the other suite makes different.
settings.register_profile("again", derandomize=True, max_examples=10, deadline=None)
settings.register_profile("nightly", max_examples=20_000, deadline=None)
settings.register_profile("dev", max_examples=50, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"),  # noqa: TID251 - the runner's own environment, not the node's
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--suite", default="intl-1", help="the suite of centers in service tests")


def pytest_configure(config: pytest.Config) -> None:
    pair.SPOKEN[:] = [config.getoption("--suite")]
