"""Set-up shared by all tests: how hard Hypothesis tries."""

import os

from hypothesis import settings

# CI must fail for a reason in the diff, never for an unlucky draw; the nightly run is the
# one that explores: HYPOTHESIS_PROFILE=nightly make test.
settings.register_profile("ci", derandomize=True, max_examples=200, deadline=None)
settings.register_profile("nightly", max_examples=20_000, deadline=None)
settings.register_profile("dev", max_examples=50, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"),  # noqa: TID251 - the runner's own environment, not the node's
)
