"""The routes of what is booked: who may use them, what they answer, and that twice is once."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol import booking
from federation.protocol.agreement import AgreementTerms, Direction, DrawAnchor, Party
from federation.protocol.booking import ExpertNeed, Hold, Move, SelectionMode
from federation.protocol.bundle import Bundle, BundlePhase
from federation.protocol.conversation import Conversation, Kind
from federation.trust.suite import suite
from federation.wire.words import TERMS
from node.domain.calendar import Window
from node.domain.project import BookingRequest
from node.domain.venue import Requirement
from node.services.consenting import keep_asked
from node.services.house import Desk
from node.store import booking_disputes, bookings, bundles, projects
from node.store.bookings import NewBooking
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, person
from tests.support import planning
from tests.support.agreed import put_signed
from tests.support.identities import stranger
from tests.support.pair import DAY_MS, HOUR_MS, SeededRandom

FEE: Final = 500_000
LEG: Final = ConversationId(b"\x05" * 16)
OURS: Final = ConversationId(b"\x06" * 16)
BUNDLE: Final = b"\x07" * 16
NEEDS: Final = (ExpertNeed("A08", 3),)
"""Two bookings with one partner: we are the sub of LEG, and the host of OURS."""


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[tuple[Node, bytes, CenterId]]:
    """A node with both; answers the host's project and the partner."""
    async with assembled(folder) as node:
        now_ms = node.parts.negotiator.clock.now_ms()
        peer = stranger(SeededRandom("partner").bytes, "partner", now_ms)
        node.parts.keyring.pin(peer.descriptor)
        start_ms = (now_ms // DAY_MS + 3) * DAY_MS + 2 * HOUR_MS
        project = await node.parts.negotiator.transact(
            lambda desk: _put(node, desk, CenterId(peer.center), start_ms)
        )
        yield node, project, CenterId(peer.center)


def _put(node: Node, desk: Desk, peer: CenterId, start_ms: int) -> bytes:
    connection, us = desk.ledger.connection, desk.identity.center
    agreement = _agree(desk, peer)
    made = planning.project(
        bid_deadline_ms=start_ms - HOUR_MS,
        evaluation=Window(start_ms, start_ms + 3 * HOUR_MS),
    )
    project = node.parts.projects.create(desk, made, "agency")
    node.parts.projects.submit(desk, project, "agency")
    node.parts.projects.accept(desk, project, "staff")
    plan: BookingRequest = planning.request(peer, window=Window(start_ms, start_ms + 3 * HOUR_MS))
    projects.set_plan(connection, project, replace(plan, host_seats=2))
    node.parts.venues.import_seats(desk, planning.seat_rows(8))
    bundles.add(
        connection, Bundle(BUNDLE, (), BundlePhase.DECIDED, desk.now_ms), project, "agency",
        desk.now_ms,
    )  # fmt: skip
    bundles.set_phase(
        connection,
        Bundle(BUNDLE, (), BundlePhase.DECIDED, desk.now_ms, booking.Decision.CONFIRM),
    )
    for talk, role, sub, known in (
        (LEG, booking.SUB, us, None),
        (OURS, booking.HOST, peer, project),
    ):
        hold = Hold(
            BUNDLE, (sub,), start_ms, start_ms + 3 * HOUR_MS, 3, (), False, "A", NEEDS,
            SelectionMode.CHOSEN,
        )  # fmt: skip
        desk.ledger.put_conversation(
            Conversation(talk, Kind.BOOKING, role, peer, agreement, "intl-1", booking.CONFIRMED),
            desk.now_ms,
        )
        bookings.add(connection, NewBooking(talk, role, peer, known, hold))
        seats = node.parts.venues.free_seats(
            desk, Window(start_ms, start_ms + 3 * HOUR_MS), Requirement(3)
        )
        holder = LEG if role == booking.SUB else BUNDLE
        node.parts.venues.reserve(desk, holder, seats, Window(start_ms, start_ms + 3 * HOUR_MS))
    return project


def _agree(desk: Desk, peer: CenterId) -> AgreementId:
    us = desk.identity.center
    terms = AgreementTerms(
        version=1,
        title="合作协议",
        parties=(Party(us, "甲", "", "360800"), Party(peer, "乙", "", "350112")),
        directions=(Direction(us, peer), Direction(peer, us)),
        effective_from_ms=desk.now_ms - DAY_MS,
        effective_until_ms=desk.now_ms + 300 * DAY_MS,
        project_kinds=("A", "B", "C"),
        max_seats_per_session=9,
        max_open_bookings=5,
        lead_time_ms=HOUR_MS,
        vote_ms=HOUR_MS,
        decide_ms=DAY_MS,
        draw_anchor=DrawAnchor.EVALUATION_START,
        draw_earliest_ms=DAY_MS,
        pool_min_age_ms=0,
        joint_test_valid_days=0,
        handover_working_days=5,
        suite=desk.identity.suites[0],
        sealed_disclosure=True,
        cancel_notice_ms=30 * DAY_MS,
        cancel_fee_fen=FEE,
    )
    document = TERMS.encode(terms)
    agreement = AgreementId(suite(terms.suite).tagged("agreement", document))
    put_signed(
        desk.ledger.connection,
        agreement=agreement,
        peer=peer,
        document=document,
        we_proposed=True,
        at_ms=desk.now_ms,
    )
    return agreement


async def _post(http: httpx.AsyncClient, path: str, **body: Any) -> Mapping[str, Any]:
    answer = await http.post(f"/api{path}", json=body)
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = answer.json()
    return found


async def _booking(http: httpx.AsyncClient, talk: bytes) -> Mapping[str, Any]:
    answer = await http.get(f"/api/bookings/{talk.hex()}")
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = answer.json()
    return found


async def test_a_move_is_looked_at_then_asked_and_asked_once_for_one_key(tmp_path: Path) -> None:
    async with (
        standing(tmp_path) as (node, project, peer),
        client(node, await person(node, "staff")) as http,
    ):
        before = await _booking(http, OURS)
        window = {"start_ms": before["start_ms"] + DAY_MS, "end_ms": before["end_ms"] + DAY_MS}
        path = f"/projects/{project.hex()}/move"
        seen = await _post(http, f"{path}/preview", **window, reason="改期")
        assert (seen["subs"], seen["start_ms"]) == ([peer], window["start_ms"])
        assert (await _booking(http, OURS))["phase"] == "CONFIRMED"
        http.headers["Idempotency-Key"] = "move-1"
        once = await _post(http, path, **window, reason="改期")
        assert await _post(http, path, **window, reason="改期") == once
        del http.headers["Idempotency-Key"]
        found = await _booking(http, OURS)
        assert (found["phase"], found["phase_zh"]) == ("CHANGING", "已确认,变更待副场答复")
        (asked,) = found["changes"]
        assert (asked["change"], asked["answer"]) == (once["id"], None)
        listed = (await http.get(f"/api/projects/{project.hex()}/changes")).json()
        assert [(each["id"], each["phase"]) for each in listed] == [(once["id"], "ASKED")]
        (leg,) = (await http.get(f"/api/projects/{project.hex()}")).json()["bookings"]
        assert (leg["start_ms"], leg["instead_of"]) == (before["start_ms"], None)
        assert leg["warnings"] == []  # it is days ahead: no report is due
        again = await http.post(f"/api{path}", json={**window, "reason": "改期"})
        assert (again.status_code, error(again)["code"]) == (409, "CONFLICT")


async def test_an_extension_is_looked_at_then_asked(tmp_path: Path) -> None:
    async with (
        standing(tmp_path) as (node, project, _),
        client(node, await person(node, "staff")) as http,
    ):
        end_ms = (await _booking(http, OURS))["end_ms"]
        path = f"/projects/{project.hex()}/extend"
        bad = await http.post(f"/api{path}/preview", json={"end_ms": end_ms, "reason": "不够"})
        assert (bad.status_code, error(bad)["code"]) == (422, "INVALID")
        body = {"end_ms": end_ms + HOUR_MS, "reason": "不够", "by_law": True}
        assert (await _post(http, f"{path}/preview", **body))["end_ms"] == end_ms + HOUR_MS
        await _post(http, path, **body)
        (asked,) = (await _booking(http, OURS))["changes"]
        assert (asked["kind"], asked["by_law"], asked["why"]) == ("EXTEND", True, "不够")


async def test_a_change_is_answered_with_a_look_at_who_gives_way(tmp_path: Path) -> None:
    async with (
        standing(tmp_path) as (node, _, _),
        client(node, await person(node, "staff")) as http,
    ):
        path = f"/bookings/{LEG.hex()}/consent"
        none = await http.get(f"/api{path}")
        assert (none.status_code, error(none)["code"]) == (409, "CONFLICT")
        await node.parts.negotiator.transact(lambda desk: _hear_move(node, desk))
        question = (await http.get(f"/api{path}")).json()
        assert question["asked"]["kind"] == "MOVE"
        assert question["in_the_way"] == []
        silent = await http.post(f"/api{path}", json={"answer": "NO"})
        assert (silent.status_code, error(silent)["code"]) == (422, "INVALID")
        assert await _post(http, path, answer="NO", reason="当日检修") == {"done": True}
        found = await _booking(http, LEG)
        assert found["phase"] == "CONFIRMED"
        assert (found["changes"][0]["answer"], found["changes"][0]["answer_why"]) == (
            "NO",
            "当日检修",
        )


def _hear_move(node: Node, desk: Desk) -> None:
    row = node.parts.bookings.get(desk, LEG)
    known = desk.ledger.conversation(LEG)
    assert known is not None
    desk.ledger.put_conversation(replace(known, phase=booking.CHANGING), desk.now_ms)
    keep_asked(desk, row, Move(b"\x01" * 16, row.start_ms + DAY_MS, row.end_ms + DAY_MS, "改期"))


async def test_cancelling_shows_its_price_before_and_after(tmp_path: Path) -> None:
    async with (
        standing(tmp_path) as (node, project, _),
        client(node, await person(node, "staff")) as http,
    ):
        seen = (await http.get(f"/api/bookings/{LEG.hex()}/cancel")).json()
        assert (seen["fee_fen"], seen["draws"], seen["convened"]) == (FEE, 0, False)
        await _post(http, f"/bookings/{LEG.hex()}/cancel", reason="场地停用")
        found = await _booking(http, LEG)
        assert (found["phase"], found["cancelled"]["by"], found["cancelled"]["fee_fen"]) == (
            "CANCELLED",
            "SUB",
            FEE,
        )
        assert await _post(http, f"/projects/{project.hex()}/cancel", reason="项目终止") == {
            "bookings": 1
        }
        # Ours at another sub: its clock has not spoken yet.
        assert (await _booking(http, OURS))["cancelled"] == {
            "by": "HOST",
            "at_ms": None,
            "fee_fen": None,
        }
        fees = (await http.get("/api/cancellations")).json()
        assert {fee["booking"]: fee["cancelled"]["fee_fen"] for fee in fees} == {
            LEG.hex(): FEE,
            OURS.hex(): None,
        }
        twice = await http.post(f"/api/bookings/{LEG.hex()}/cancel", json={"reason": "再次"})
        assert (twice.status_code, error(twice)["code"]) == (409, "CONFLICT")


async def test_another_room_and_readiness_are_for_the_sub_to_give(tmp_path: Path) -> None:
    async with (
        standing(tmp_path) as (node, _, _),
        client(node, await person(node, "staff")) as http,
    ):
        none = await http.post(f"/api/bookings/{LEG.hex()}/room", json={"reason": "漏水"})
        assert (none.status_code, error(none)["code"]) == (409, "CONFLICT")
        await node.parts.negotiator.transact(
            lambda desk: node.parts.venues.import_seats(
                desk, planning.seat_rows(4, room="评标二室")
            )
        )
        await _post(http, f"/bookings/{LEG.hex()}/room", reason="漏水")
        assert "漏水" in (await _booking(http, LEG))["note"]
        await _post(http, f"/bookings/{LEG.hex()}/readiness", ready=True)
        why = await http.post(f"/api/bookings/{LEG.hex()}/readiness", json={"ready": False})
        assert (why.status_code, error(why)["code"]) == (422, "INVALID")
        ours = await http.post(f"/api/bookings/{OURS.hex()}/readiness", json={"ready": True})
        assert (ours.status_code, error(ours)["code"]) == (404, "NOT_FOUND")


async def test_a_sub_is_replaced_by_one_that_has_an_agreement(tmp_path: Path) -> None:
    async with (
        standing(tmp_path) as (node, _, peer),
        client(node, await person(node, "staff")) as http,
    ):
        path = f"/api/bookings/{OURS.hex()}/substitute"
        unknown = await http.post(path, json={"center": "lp1" + "b" * 32})
        assert (unknown.status_code, error(unknown)["code"]) == (404, "NOT_FOUND")
        same = await http.post(path, json={"center": peer})
        assert (same.status_code, error(same)["code"]) == (422, "INVALID")
        other = await http.post(f"/api/bookings/{LEG.hex()}/substitute", json={"center": peer})
        assert (other.status_code, error(other)["code"]) == (404, "NOT_FOUND")


async def test_a_dispute_is_listed_and_settled(tmp_path: Path) -> None:
    async with (
        standing(tmp_path) as (node, _, _),
        client(node, await person(node, "staff")) as http,
    ):
        await node.parts.negotiator.transact(
            lambda desk: booking_disputes.add(
                desk.ledger.connection, LEG, "席位已收回", "the seats were given free", desk.now_ms
            )
        )
        (found,) = (await http.get("/api/booking-disputes")).json()
        assert (found["booking"], found["resolution"]) == (LEG.hex(), None)
        await _post(http, f"/bookings/{LEG.hex()}/dispute", reason="已协商另订")
        (found,) = (await http.get("/api/booking-disputes")).json()
        assert (found["resolution"], found["resolved_by"]) == ("已协商另订", "staff")


@pytest.mark.parametrize(("role", "mine"), [("agency", 200), ("supervisor", 403)])
async def test_an_agency_asks_for_changes_and_cancels_nothing(
    tmp_path: Path, role: str, mine: int
) -> None:
    async with (
        standing(tmp_path) as (node, project, _),
        client(node, await person(node, role)) as http,
    ):
        answer = await http.get(f"/api/projects/{project.hex()}/changes")
        assert answer.status_code == mine
        for path in (f"/projects/{project.hex()}/cancel", f"/bookings/{OURS.hex()}/cancel"):
            no = await http.post(f"/api{path}", json={"reason": "x"})
            assert (no.status_code, error(no)["code"]) == (403, "NOT_ALLOWED")
