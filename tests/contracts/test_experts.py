"""The expert library's contract, for every implementation."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.errors import Rejected, Unreachable
from adapters.experts.port import COLUMNS, ExpertLibrary, ExportFormat
from adapters.experts.rest import RestExpertLibrary
from adapters.experts.stand_in import FileExpertLibrary
from adapters.experts.synthetic import synthetic_experts, to_csv
from tests.support.outside import Vendor, connect, free_address, serving

ROWS = synthetic_experts(seed=1, count=20, region="350112", prefix="FJ")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["rest", "stand_in"])
def implementation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(ExportFormat))
async def library(
    request: pytest.FixtureRequest, implementation: str, stack: ExitStack, tmp_path: Path
) -> AsyncIterator[ExpertLibrary]:
    written: ExportFormat = request.param
    content = to_csv(ROWS, written.encoding)
    port: ExpertLibrary
    if implementation == "rest":
        charset = "UTF-8" if written is ExportFormat.CSV_UTF8 else "GBK"
        vendor = Vendor(export=(content, f"text/csv; charset={charset}"))
        port = RestExpertLibrary(http=connect(stack.enter_context(serving(vendor.app))))
    else:
        (tmp_path / "experts.csv").write_bytes(content)
        port = FileExpertLibrary(path=tmp_path / "experts.csv", format=written)
    yield port
    await port.aclose()


async def test_the_export_reads_back_row_for_row(library: ExpertLibrary) -> None:
    export = await library.fetch()

    reader = csv.DictReader(io.StringIO(export.content.decode(export.format.encoding)))
    assert list(reader) == ROWS
    assert tuple(reader.fieldnames or ()) == COLUMNS


async def test_the_self_test_passes(library: ExpertLibrary) -> None:
    await library.self_test()

    assert library.stand_in is isinstance(library, FileExpertLibrary)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "text/csv; charset=utf-8"),
        (b"x", "text/csv"),
        (b"x", "text/csv; charset=latin-1"),
        (b"<html>", "text/html; charset=utf-8"),
    ],
)
async def test_something_else_than_the_export_is_rejected(
    content: bytes, content_type: str
) -> None:
    with serving(Vendor(export=(content, content_type)).app) as url:
        port = RestExpertLibrary(http=connect(url))
        with pytest.raises(Rejected, match="export"):
            await port.fetch()
        await port.aclose()


async def test_a_library_that_is_down_is_unreachable() -> None:
    port = RestExpertLibrary(http=connect(free_address()))

    with pytest.raises(Unreachable):
        await port.fetch()
    await port.aclose()


async def test_a_missing_or_empty_file_is_rejected(tmp_path: Path) -> None:
    port = FileExpertLibrary(path=tmp_path / "experts.csv")

    with pytest.raises(Rejected, match="cannot read"):
        await port.self_test()
    (tmp_path / "experts.csv").touch()
    with pytest.raises(Rejected, match="bytes"):
        await port.fetch()
