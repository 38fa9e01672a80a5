"""What machines ask a node about itself: metrics, liveness, readiness. Never exposed.

Served by the event loop that serves the peers: if that hangs, so does this, and whoever
watches notices. It stops last, so that a draining node can still be seen.
"""

import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from federation.engine.recovery import WHOLE, Standing
from federation.ports import Clock
from node import logs
from node.domain.holidays import HORIZON_MS, unknown_years
from node.domain.workday import DAY_MS
from node.metrics import Metrics
from node.services.expiry import WARN_MS, Ends
from node.store import figures, workdays
from node.store.database import Database, StoreUnavailable

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
FREE_BYTES_MIN: Final = 256 * 1024 * 1024  # some days of words, and room to act in
CERTIFICATE_LEFT_MS: Final = 0  # an expired certificate closes every link

LOG: Final = logs.logger("node.probes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """The answers.

    Args:
        database: Counted and probed.
        metrics: The page.
        clock: For ages and the certificate.
        folder: Whose volume must have room.
        certificate_ends_ms: When our TLS certificate ends.
        draining: Whether the node is going down.
        keys_problem: Why we cannot sign now; empty if we can.
        recovering: Whether lost words are being fetched back.
        keys_end: By center, ours and partners', when each purpose has no good key any more.
    """

    database: Database
    metrics: Metrics
    clock: Clock
    folder: Path
    certificate_ends_ms: Callable[[], int]
    draining: Callable[[], bool]
    keys_problem: Callable[[], str] = lambda: ""
    recovering: Callable[[], Standing] = lambda: WHOLE
    keys_end: Callable[[], Mapping[str, Ends]] = dict

    def app(self) -> Starlette:
        """The pages as an ASGI application."""
        return Starlette(
            routes=[
                Route("/metrics", self._metrics),
                Route("/livez", self._live),
                Route("/readyz", self._ready),
            ]
        )

    async def _metrics(self, _: Request) -> Response:
        try:
            now_ms = self.clock.now_ms()
            counted = await self.database.read(lambda found: figures.count(found, now_ms))
        except StoreUnavailable as error:
            LOG.warning("the metrics could not be counted", error=str(error))
            return PlainTextResponse("the database is not available\n", status_code=503)
        self.metrics.signing(not self.keys_problem())
        self.metrics.keys_end(self.keys_end())
        page = self.metrics.page(counted, now_ms)
        return Response(page, media_type=METRICS_TYPE)

    async def _live(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, request: Request) -> Response:
        checks: tuple[tuple[str, Callable[[], Awaitable[str]]], ...] = (
            ("serving", self._serving),
            ("recovery", self._whole),
            ("database", self._writable),
            ("keys", self._keys),
            ("certificate", self._certificate),
            ("disk", self._disk),
        )
        found = [(name, await check()) for name, check in checks]
        good = all(not problem for _, problem in found)
        lines = [f"[{'-' if problem else '+'}]{name} {problem or 'ok'}" for name, problem in found]
        lines += [*self._warnings(), *await self._holidays()]
        text = "\n".join(lines) if not good or "verbose" in request.query_params else "ok"
        return PlainTextResponse(text + "\n", status_code=200 if good else 503)

    def _warnings(self) -> list[str]:
        """What will be a problem: no reason to take a node out of service, yet to be acted on."""
        now_ms = self.clock.now_ms()
        return [
            f"[!]{purpose} key {suite or 'certificate'} of {center} ends in "
            f"{(end_ms - now_ms) // DAY_MS} days"
            for center, found in self.keys_end().items()
            for (purpose, suite), end_ms in found.items()
            if end_ms - now_ms <= WARN_MS
        ]

    async def _holidays(self) -> list[str]:
        """Years that deadlines will soon reach into and whose holidays nobody imported."""
        now_ms = self.clock.now_ms()
        try:
            calendar = await self.database.read(workdays.calendar)
        except StoreUnavailable:
            return []  # told above
        return [
            f"[!]the holidays of {year} are not known, plain week-ends count: "
            "lianping calendar holidays import FILE"
            for year in unknown_years(calendar, now_ms, now_ms + HORIZON_MS)
        ]

    async def _serving(self) -> str:
        return "the node is going down" if self.draining() else ""

    async def _whole(self) -> str:
        standing = self.recovering()
        if not standing.recovering:
            return ""
        waited = f"waiting for {', '.join(standing.waited)}" if standing.waited else ""
        epoch = "run `lianping recover --new-epoch`" if standing.epoch_needed else ""
        todo = "; ".join(each for each in (waited, epoch) if each)
        return f"RECOVERING ({standing.reason}): {todo or 'putting the words back'}"

    async def _writable(self) -> str:
        try:
            await self.database.transact(figures.write_probe)
        except StoreUnavailable as error:
            return str(error)
        return ""

    async def _keys(self) -> str:
        return self.keys_problem()

    async def _certificate(self) -> str:
        left = self.certificate_ends_ms() - self.clock.now_ms()
        return "" if left > CERTIFICATE_LEFT_MS else "the TLS certificate has expired; renew it"

    async def _disk(self) -> str:
        free = shutil.disk_usage(self.folder).free
        return "" if free >= FREE_BYTES_MIN else f"only {free} bytes are free on its volume"
