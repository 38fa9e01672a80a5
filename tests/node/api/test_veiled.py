"""Every answer of a whole node, walked for the one name that a blind selection hides."""

from pathlib import Path
from typing import Final

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol import booking, draw, session
from federation.protocol.agreement import AgreementTerms, Direction, DrawAnchor, Party
from federation.protocol.booking import ExpertNeed, Hold, SelectionMode
from federation.protocol.conversation import Conversation, Kind, Phase, Role
from federation.protocol.peering import (
    AGREED,
    SECOND,
    AnnouncePool,
    Stage,
    StateUsage,
    Stratum,
    Usage,
    UsedWord,
)
from federation.protocol.session import Convene
from federation.wire.words import TERMS, encode_word
from node.api.app import routes
from node.domain.todo_rules import OVERDUE
from node.services.house import Desk
from node.services.veil import label
from node.store import bookings, draws, projects, selections, sessions, todos
from node.store import usage as usage_store
from node.store.bookings import Cancelled, NewBooking
from node.store.draws import DrawRow
from node.store.selections import Progress, SelectionRow
from node.wiring import Node
from tests.node.api.test_app import assembled, client, log_in, person
from tests.support.agreed import put_signed
from tests.support.identities import stranger
from tests.support.pair import HOUR_MS, SeededRandom
from tests.support.planning import project

PROJECT, BUNDLE, BOOKING, DRAW, SESSION, LOTTERY, USAGE = (bytes([n]) * 16 for n in range(1, 8))
AGREEMENT: Final = AgreementId(b"\x09" * 32)

ABOUT_PARTNERS: Final = (
    "/api/peers", "/api/agreements", "/api/joint-tests", "/api/availability", "/api/invitations",
)  # fmt: skip
"""Pages about partners as such: the drawn one is among many there, and nothing says so."""


async def drawn_blindly(node: Node) -> dict[str, str]:
    """Put a confirmed blind booking into the node; answers what must not be seen."""
    now_ms = node.parts.negotiator.clock.now_ms()
    sub = stranger(SeededRandom("sub").bytes, "sub", now_ms).descriptor
    node.parts.keyring.pin(sub)
    peer = CenterId(sub.center_id)
    start_ms = now_ms + 48 * HOUR_MS
    hold = Hold(
        BUNDLE, (peer,), start_ms, start_ms + HOUR_MS, 3, (), False, "A",
        (ExpertNeed("A08", 3),), SelectionMode.BLIND, selection_id=LOTTERY,
    )  # fmt: skip

    def talk(of: bytes, kind: Kind, role: Role, phase: Phase) -> Conversation:
        return Conversation(ConversationId(of), kind, role, peer, AGREEMENT, "intl-1", phase)

    us = node.parts.negotiator.identity.descriptor
    document = TERMS.encode(
        AgreementTerms(
            version=1,
            title="协议",
            parties=tuple(
                Party(each.center_id, each.name, each.uscc, each.region_code) for each in (us, sub)
            ),
            directions=(Direction(us.center_id, peer),),
            effective_from_ms=1,
            effective_until_ms=now_ms * 2,
            project_kinds=("A",),
            max_seats_per_session=7,
            max_open_bookings=5,
            lead_time_ms=HOUR_MS,
            vote_ms=HOUR_MS,
            decide_ms=HOUR_MS,
            draw_anchor=DrawAnchor.EVALUATION_START,
            draw_earliest_ms=HOUR_MS,
            pool_min_age_ms=0,
            joint_test_valid_days=0,
            handover_working_days=5,
            suite="intl-1",
            sealed_disclosure=True,
        )
    )

    def put(desk: Desk) -> None:
        put_signed(
            desk.ledger.connection,
            agreement=AGREEMENT,
            conversation=b"\x0a" * 16,
            peer=peer,
            document=document,
            signatures=(b"x", b"y"),
            we_proposed=True,
            at_ms=now_ms,
        )
        connection, ledger = desk.ledger.connection, desk.ledger
        projects.add(connection, PROJECT, project(), "agency", now_ms)
        connection.execute(
            "INSERT INTO bundle (id, project, phase, reason, decide_by_ms, planned_by,"
            " created_at_ms) VALUES (?, ?, 'CLOSED', '', 1, 'agency', 1)",
            (BUNDLE, PROJECT),
        )
        row = SelectionRow(
            LOTTERY, PROJECT, "BLIND", "intl-1", 1, b"", Progress.DRAWN, "agency", (peer,)
        )
        selections.add(connection, row, now_ms)
        ledger.put_conversation(
            talk(BOOKING, Kind.BOOKING, booking.HOST, booking.CONFIRMED), now_ms
        )
        bookings.add(
            connection,
            NewBooking(ConversationId(BOOKING), booking.HOST, peer, PROJECT, hold),
        )
        bookings.set_note(connection, BOOKING, f"副场{peer} · {sub.name}")
        pool = AnnouncePool(
            "p", "e", (Stratum("A08", 9, bytes(32)),), bytes(32), bytes(32), 1, now_ms * 2
        )
        connection.execute(
            "INSERT INTO pool_announcement (conversation, owner, peer, pool, epoch, suite, root,"
            " body, log_index, valid_from_ms, valid_until_ms, at_ms)"
            " VALUES (?, ?, ?, 'p', 'e', 'intl-1', ?, ?, 0, 1, ?, 1)",
            (
                b"\x08" * 16, peer, desk.identity.center, bytes(32), encode_word(pool), now_ms * 2,
            ),
        )  # fmt: skip
        ledger.put_conversation(talk(DRAW, Kind.DRAW, draw.SEALER, draw.VOID), now_ms)
        draws.add(
            connection,
            DrawRow(
                DRAW, draw.SEALER, peer, BOOKING, PROJECT, "p", "e", None, None, None, "",
                AGREEMENT,
            ),
            now_ms,
        )  # fmt: skip
        ledger.put_conversation(talk(SESSION, Kind.SESSION, session.HOST, Phase("CONVENED")), 1)
        convene = Convene(BOOKING, (DRAW,), start_ms, start_ms + HOUR_MS, 2, 0, 3)
        sessions.add(
            connection, session=SESSION, role="HOST", peer=peer, project=PROJECT, convene=convene
        )
        for role in ("staff", "agency", "supervisor", "operator"):
            todos.add(
                connection, role=role, kind=f"about-{role}", subject=BOOKING,
                zh=f"副场{peer}({sub.name})未就绪", en=f"{peer} is not ready", now_ms=now_ms,
            )  # fmt: skip
        todos.add(
            connection, role="operator", kind=OVERDUE,
            subject=todos.overdue_subject("about-staff", BOOKING),
            zh=f"逾期:副场{peer}({sub.name})未就绪", en=f"overdue: {peer}", now_ms=now_ms,
        )  # fmt: skip
        bookings.set_cancelled(connection, BOOKING, Cancelled(booking.SUB, None, None))
        used = Usage(1, 0, 0, 0, 0, (UsedWord(BOOKING, Stage.HELD, bytes(32)),))
        dealt = talk(USAGE, Kind.PEERING, SECOND, AGREED)
        ledger.put_conversation(dealt, now_ms)
        word = StateUsage(bytes(32), "2026-05-06", used)
        usage_store.add(connection, dealt, peer, word, now_ms)

    await node.parts.negotiator.transact(put)
    return {
        "id": peer,
        "name": sub.name,
        "uscc": sub.uscc,
        "address": sub.address,
        "agreement": AGREEMENT.hex(),
    }


async def walk(node: Node, hidden: dict[str, str]) -> tuple[int, dict[str, list[str]]]:
    """Ask every route that looks, as every role; answers how many answered, and what was told."""
    told: dict[str, list[str]] = {}
    heard = failed = 0
    paths = routes(node.parts).openapi()["paths"]
    tokens = [await log_in(node)]
    tokens += [await person(node, role) for role in ("staff", "agency", "supervisor")]
    for token in tokens:
        async with client(node, token) as http:
            for path, methods in paths.items():
                if path.startswith(ABOUT_PARTNERS) or "get" not in methods:
                    continue
                for real in filled(path):
                    answer = await http.get(real)
                    heard += answer.is_success
                    failed += answer.is_server_error
                    seen = [what for what, value in hidden.items() if value in answer.text]
                    if seen:
                        told[real] = seen
    assert failed == 0, "what fails tells nothing now, and may tell everything later"
    return heard, told


IDS: Final = {"project": [PROJECT], "booking": [BOOKING], "session": [SESSION], "draw": [DRAW]}
EVERY_ID: Final = [PROJECT, BUNDLE, BOOKING, DRAW, SESSION, LOTTERY, USAGE]


def filled(path: str) -> list[str]:
    """The path for everything that it may be asked about."""
    if "{" not in path:
        return [path]
    before, rest = path.split("{", 1)
    name, after = rest.split("}", 1)
    return [f"{before}{each.hex()}{after}" for each in IDS.get(name, EVERY_ID)]


async def test_no_answer_names_the_drawn_sub_before_the_start_and_all_may_after_it(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:
        hidden = await drawn_blindly(node)
        heard, told = await walk(node, hidden)
        assert told == {}
        assert heard > 20

        async with client(node, await log_in(node, "staff")) as http:
            (row,) = (await http.get("/api/bookings")).json()
            assert row["peer"] == label(1)
            assert hidden["id"] not in str((await http.get("/api/todos")).json())
            assert (await http.get("/api/usage")).json() == []

            def start(desk: Desk) -> None:
                sessions.set_started(desk.ledger.connection, SESSION, "LOT", "桥", desk.now_ms)

            await node.parts.negotiator.transact(start)
            (row,) = (await http.get("/api/bookings")).json()
            assert row["peer"] == hidden["id"]
            assert len((await http.get("/api/usage")).json()) == 1


async def test_nobody_finds_the_drawn_sub_by_naming_partners_as_its_substitute(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:
        hidden = await drawn_blindly(node)
        other = stranger(SeededRandom("other").bytes, "other", 1).descriptor
        node.parts.keyring.pin(other)
        path = f"/api/bookings/{BOOKING.hex()}/substitute"
        async with client(node, await person(node, "staff")) as http:
            told = [
                (await http.post(path, json={"center": each})).json()
                for each in (hidden["id"], other.center_id)
            ]
        assert "blindly" in told[0]["error"]["en"]
        assert told[0] == told[1]


async def test_who_asks_all_partners_for_a_project_does_not_see_which_is_covered(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:
        hidden = await drawn_blindly(node)
        start_ms = node.parts.negotiator.clock.now_ms() + 48 * HOUR_MS
        body = {"start_ms": start_ms, "end_ms": start_ms + HOUR_MS, "seats": 3}
        async with client(node, await person(node, "agency")) as http:
            answer = await http.post(f"/api/projects/{PROJECT.hex()}/availability", json=body)
        assert [row["center"] for row in answer.json()["rows"]] == [hidden["id"]]


async def test_a_word_of_the_drawn_sub_does_not_tell_why_with_its_name(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        hidden = await drawn_blindly(node)
        spoken = b"\x77" * 32

        def say(desk: Desk) -> None:
            desk.ledger.connection.execute(
                "INSERT INTO heard (sender, message_id, conversation, revision, payload_type,"
                " hash, envelope, receipt_payload, heard_at_ms, suite, log_index, accepted)"
                " VALUES (?, x'01', ?, 1, 'booking.Vote', ?, x'', x'', 1, 'intl-1', 0, 1)",
                (hidden["id"], BOOKING, spoken),
            )
            desk.ledger.connection.execute(
                "INSERT INTO log_entry (suite, idx, data, envelope_hash)"
                " VALUES ('intl-1', 9999, x'', ?)",
                (spoken,),
            )

        await node.parts.negotiator.transact(say)
        async with client(node, await log_in(node)) as http:
            answer = await http.get(f"/api/why/{spoken.hex()}")
        assert answer.status_code == 200, answer.text
        assert [what for what, value in hidden.items() if value in answer.text] == []
