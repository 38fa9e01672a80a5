"""Free seats of all partners over the API: as one answer, as server-sent events, on the line."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from typing_extensions import override

from federation.ids import CenterId
from federation.wire.questions import AvailabilityAnswer, ExpertCount, SeatOffer
from node.commands import availability as command
from node.commands.link import CannotDo, Link
from node.services.availability import Availability, Finding, Outcome, Wish
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, log_in, person

A, B = (CenterId("lp1" + letter * 32) for letter in "ab")
HOUR_MS = 3_600_000
FOUND = [
    Finding(B, "宿州", Outcome.NOT_COVERED, "max_seats_per_session", "席位数超出", "too many"),
    Finding(
        A,
        "长乐",
        Outcome.FREE,
        answer=AvailabilityAnswer(
            4,
            1_790_000_000_000,
            60_000,
            0,
            (SeatOffer("workstation", ("camera",), overnight=False, free=4),),
            (ExpertCount("A08", 25),),
        ),
    ),
]


class Known(Availability):
    """Finds what is known."""

    def __init__(self, real: Availability) -> None:
        self.wishes: list[Wish] = []
        self._real = real

    @override
    def check(self, wish: Wish) -> None:
        self._real.check(wish)

    @override
    async def find(self, wish: Wish, tell: Any) -> list[Finding]:
        self.wishes.append(wish)
        for finding in FOUND:
            await tell(finding)
        return FOUND


@asynccontextmanager
async def knowing(folder: Path) -> AsyncIterator[tuple[Node, Known, dict[str, Any]]]:
    async with assembled(folder) as node:
        known = Known(node.parts.availability)
        start_ms = node.parts.negotiator.clock.now_ms() + 48 * HOUR_MS
        body = {"start_ms": start_ms, "end_ms": start_ms + HOUR_MS, "seats": 3}
        yield replace(node, parts=replace(node.parts, availability=known)), known, body


def events(text: str) -> Iterator[tuple[str, Any]]:
    for block in text.strip().split("\n\n"):
        event, data = block.splitlines()
        yield event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_one_answer_has_all_rows_and_says_that_it_is_advice(tmp_path: Path) -> None:
    async with (
        knowing(tmp_path) as (node, known, body),
        client(node, await person(node, "staff")) as http,
    ):
        wanted = {"experts": [{"specialty": "A08", "count": 2}], "project_kind": "C"}
        answer = await http.post("/api/availability", json={**body, **wanted})
        assert answer.status_code == 200
        covered_not, free = answer.json()["rows"]
        assert (covered_not["outcome"], covered_not["free_seats"]) == ("not_covered", None)
        assert free["experts"] == [{"specialty": "A08", "about": 25, "small": False}]
        summary = answer.json()["summary"]
        assert (summary["partners"], summary["free"], summary["not_covered"]) == (2, 1, 1)
        assert "advice" in summary["advice_en"]
        assert known.wishes[0].slots[0].count == 2


async def test_a_stream_gives_one_event_for_each_partner_and_a_summary(tmp_path: Path) -> None:
    async with (
        knowing(tmp_path) as (node, _, body),
        client(node, await person(node, "staff")) as http,
    ):
        answer = await http.post("/api/availability/stream", json=body)
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = list(events(answer.text))
        assert [name for name, _ in told] == ["answer", "answer", "summary"]
        assert [row["center"] for _, row in told[:2]] == [B, A]
        assert told[2][1]["free"] == 1


@pytest.mark.parametrize("path", ["/api/availability", "/api/availability/stream"])
async def test_a_window_that_is_over_is_refused_before_anything_is_sent(
    tmp_path: Path, path: str
) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "agency")) as http:
        body = {"start_ms": 1_000, "end_ms": 2_000, "seats": 3}
        answer = await http.post(path, json=body)
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        strange = await http.post(f"/api/projects/{'0' * 32}{path[4:]}", json=body)
        assert (strange.status_code, error(strange)["code"]) == (404, "NOT_FOUND")


async def test_supervisors_look_for_no_seats(tmp_path: Path) -> None:
    async with (
        knowing(tmp_path) as (node, _, body),
        client(node, await person(node, "supervisor")) as http,
    ):
        assert (await http.post("/api/availability", json=body)).status_code == 403
        async with client(node, await log_in(node)) as operator:
            assert (await operator.post("/api/availability", json=body)).status_code == 200


class Streamed(Link):
    """A line on which this text comes."""

    def __init__(self, text: str, status: int = 200) -> None:
        self.asked: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return httpx.Response(status, content=text.encode())

        http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://node")
        super().__init__(http, Path("node.sock"))


async def test_the_command_prints_a_line_for_each_partner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        knowing(tmp_path) as (node, _, body),
        client(node, await log_in(node)) as http,
    ):
        text = (await http.post("/api/availability/stream", json=body)).text
    capsys.readouterr()  # a node says a lot when it is put together
    assert command.ask(Streamed(text), body, as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("宿州  协议不涵盖 · not covered")
    assert lines[0].endswith("max_seats_per_session")
    assert "A08≈25" in lines[1]
    assert "1 of 2 partners" in lines[3]
    command.ask(Streamed(text), body, as_json=True)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"] for each in found] == ["answer", "answer", "summary"]


@pytest.mark.parametrize(
    "asked",
    [
        ["2027-06-01T09:00", "--hours", "nan"],
        ["2027-06-01T09:00", "--hours", "inf"],
        ["9999-12-31T23:00"],
        ["2027-06-01T09:00", "--experts", "A08=\u00b2"],
    ],
)
def test_what_is_no_time_or_number_is_said_so(asked: list[str], tmp_path: Path) -> None:
    said = CliRunner().invoke(command.availability, [*asked, "--config", str(tmp_path / "none")])
    assert isinstance(said.exception, (CannotDo, SystemExit)), said.exception
    assert said.exit_code
    assert "无法识别" in said.output + str(said.exception)


def test_a_node_that_refuses_is_heard() -> None:
    refusal = {"error": {"code": "INVALID", "zh": "时段已过", "en": "over", "detail": []}}
    with pytest.raises(CannotDo, match="时段已过"):
        command.ask(Streamed(json.dumps(refusal), 422), {}, as_json=True)


@pytest.mark.parametrize("wrong", [["soon"], ["2026-06-01T09:00", "--experts", "A08"]])
def test_what_cannot_be_read_is_told_before_anybody_is_asked(wrong: list[str]) -> None:
    done = CliRunner().invoke(command.availability, wrong)
    assert done.exit_code == 2
    assert "例如" in done.output


def test_a_time_without_a_zone_is_beijing_time() -> None:
    asked = {
        "hours": 2.0, "seats": 3, "kind": None, "equipment": ("camera",), "overnight": False,
        "experts": ("A08=2",), "project_kind": "A", "value_yuan": 7,
    }  # fmt: skip
    body = command.wanted(start="2026-05-06T12:00", **asked)  # type: ignore[arg-type]
    assert (body["start_ms"], body["end_ms"]) == (1_778_040_000_000, 1_778_047_200_000)
    assert body["experts"] == [{"specialty": "A08", "count": 2}]
    assert body["value_fen"] == 700
    utc = command.wanted(start="2026-05-06T04:00+00:00", **asked)  # type: ignore[arg-type]
    assert utc["start_ms"] == body["start_ms"]
