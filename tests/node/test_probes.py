"""What a node says of its keys to machines: warned of long before, never taken out of service."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from federation.trust.keyring import Keyring
from node.domain.holidays import Holiday
from node.metrics import Metrics
from node.probes import Probes
from node.services.expiry import WARN_MS
from node.services.holidays import seed
from node.store import workdays
from node.store.database import MEMORY, Database
from tests.support import tables

NOW_MS = 1_778_040_000_000
DAY_MS = 86_400_000


class Noon:
    def now_ms(self) -> int:
        return NOW_MS


@pytest.mark.parametrize(
    ("left_ms", "warning"),
    [
        (WARN_MS + 1, ""),
        (WARN_MS, "[!]log key intl-1 of lp1a ends in 60 days"),
        (-DAY_MS, "[!]log key intl-1 of lp1a ends in -1 days"),
    ],
)
async def test_a_key_that_ends_within_sixty_days_is_named(
    tmp_path: Path, left_ms: int, warning: str
) -> None:
    ready = await readiness(tmp_path, left_ms, seed())
    assert [line for line in ready.splitlines() if line.startswith("[!]")] == (
        [warning] if warning else []
    )


async def test_a_year_whose_holidays_are_not_known_is_named(tmp_path: Path) -> None:
    ready = await readiness(tmp_path, WARN_MS + 1, ())
    (line,) = [line for line in ready.splitlines() if line.startswith("[!]")]
    assert "2026" in line
    assert "lianping calendar holidays import" in line


async def readiness(tmp_path: Path, left_ms: int, days: Sequence[Holiday]) -> str:
    """The verbose page of a node that is ready."""
    database = await Database.open(MEMORY)
    try:
        await database.alone(tables.lay)
        await database.transact(lambda connection: workdays.put(connection, days, NOW_MS))
        probes = Probes(
            database=database,
            metrics=Metrics(Keyring(), "test"),
            clock=Noon(),
            folder=tmp_path,
            certificate_ends_ms=lambda: NOW_MS + DAY_MS,
            draining=lambda: False,
            keys_end=lambda: {"lp1a": {("log", "intl-1"): NOW_MS + left_ms}},
        )
        transport = httpx.ASGITransport(app=probes.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            ready = await http.get("/readyz?verbose")
            page = (await http.get("/metrics")).text
            short = await http.get("/readyz")
    finally:
        await database.close()
    assert ready.status_code == 200
    assert short.text == "ok\n"
    series = 'lianping_key_expires_timestamp_seconds{center="lp1a",purpose="log",suite="intl-1"}'
    (value,) = (line for line in page.splitlines() if line.startswith(series))
    assert float(value.removeprefix(series)) == (NOW_MS + left_ms) / 1000
    return ready.text
