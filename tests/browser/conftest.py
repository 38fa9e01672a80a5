"""The page is made once for all tests, and opened once for those that leave it as it was."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from browser import build, modules
from tests.browser.opened import Opened, opened


@pytest.fixture(scope="session")
def sources() -> Mapping[str, bytes]:
    return modules.sources()


@pytest.fixture(scope="session")
def made_page(sources: Mapping[str, bytes]) -> bytes:
    return build.page(build.KEPT, sources)


@pytest.fixture(scope="session")
def page_file(made_page: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "lianping-verifier.html"
    path.write_bytes(made_page)
    return path


@pytest.fixture(scope="package")
def verifier(page_file: Path) -> Iterator[Opened]:
    with opened(page_file) as found:
        found.wait_until_loaded()
        yield found
