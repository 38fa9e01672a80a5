"""An expert checks a receipt offline; every lie of the center that made it is found."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.messaging.port import Answer
from federation.evidence.call_record import CallRecord
from federation.evidence.receipt import ReceiptRefuted, verify
from federation.evidence.receipt_file import InvitedPart, OwnEntry, PoolPart, ReceiptFile
from federation.protocol.draw import Opening, Response
from federation.wire.evidence import DECODE
from node.services import draw_errands, expert_receipts
from node.services.draw_moves import DrawMoves
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.expert_receipts import ExpertReceipts
from node.services.house import Desk
from node.services.inviting import Inviting
from tests.evidence.receipted import Receipted, receipted
from tests.node.services.test_draws import laid


@pytest.fixture
async def made() -> AsyncIterator[Receipted]:
    async with receipted() as found:
        yield found


async def test_whoever_did_not_answer_learns_what_was_recorded(made: Receipted) -> None:
    found = verify(await made.file(made.unreached), DECODE)
    (pool,) = found.pools
    assert pool.status == "active"
    assert pool.strata
    assert all(size > 1 for size in pool.strata.values())
    assert set(pool.witnesses) == {made.table.pair.host.id}
    (invitation,) = found.invited
    (told,) = invitation.told
    assert told.response is Response.NO_ANSWER
    assert told.record is not None
    assert told.record.keys == ""
    assert "未应答" in found.summary("zh")
    assert "NO_ANSWER" in found.summary("en")
    assert found.document()["invitations"][0]["reported"][0]["response"] == "NO_ANSWER"


async def test_whoever_was_not_called_learns_so_and_of_the_pool(made: Receipted) -> None:
    found = verify(await made.file(made.unasked), DECODE)
    assert found.invited == ()
    assert found.pools[0].strata
    assert "没有向您发出过抽取通知" in found.summary("zh")
    assert "no invitation" in found.summary("en")


async def test_a_leave_after_the_yes_is_told_in_order(made: Receipted) -> None:
    sub = made.table.sub
    members = await sub.center.do(lambda desk: sub.draws.members(desk, made.table.booking))
    one = next(each for each in members if each.uid == made.attending)
    await sub.center.do(
        lambda desk: sub.draws.depart(
            desk, one.draw, one.entry, Response.LEAVE, "illness", "staff-1"
        )
    )
    await made.table.turn()
    found = verify(await made.file(made.attending), DECODE)
    told = [each.response for each in found.invited[0].told]
    assert told == [Response.ACCEPT, Response.LEAVE]


async def test_it_opens_nobody_elses_name_and_no_project(made: Receipted) -> None:
    file = await made.file(made.unreached)
    names = await made.table.sub.center.do(
        lambda desk: [
            expert.name
            for expert in made.table.offices.sub.experts.all(desk)
            if expert.uid != made.unreached
        ]
    )
    text = file.decode()
    assert "吉安大桥" not in text
    assert not [name for name in set(names) if f'"{name}"' in text]


async def test_what_is_not_cosigned_yet_is_not_given_out() -> None:
    async with laid() as table:
        sub = table.sub.center
        receipts = ExpertReceipts(sub.cipher)
        ((uid,),) = await sub.sql("SELECT min(uid) FROM expert")
        with pytest.raises(NotFound):
            await sub.do(lambda desk: receipts.make(desk, "nobody"))
        with pytest.raises(Invalid, match="1 to 366"):
            await sub.do(lambda desk: receipts.make(desk, uid, 400))
        await sub.do(
            lambda desk: (
                desk.ledger.connection.execute(
                    "UPDATE pool_announcement SET cosigned_at_ms = NULL"
                ).rowcount
            )
        )
        with pytest.raises(Conflicting, match="cosigned"):
            await sub.do(lambda desk: receipts.make(desk, uid))


def pool(change: Callable[[PoolPart], PoolPart]) -> Callable[[ReceiptFile], ReceiptFile]:
    return lambda file: replace(file, pools=tuple(change(each) for each in file.pools))


def entry(change: Callable[[OwnEntry], OwnEntry]) -> Callable[[ReceiptFile], ReceiptFile]:
    return pool(lambda part: replace(part, entries=(change(part.entries[0]), *part.entries[1:])))


def invited(change: Callable[[InvitedPart], InvitedPart]) -> Callable[[ReceiptFile], ReceiptFile]:
    return lambda file: replace(file, invited=tuple(change(each) for each in file.invited))


def opened(name: str, value: bytes) -> Callable[[OwnEntry], OwnEntry]:
    return lambda own: replace(
        own,
        openings={**own.openings, name: Opening(name, own.openings[name].salt, value)},
    )


def reported(**changes: Any) -> Callable[[ReceiptFile], ReceiptFile]:
    return invited(lambda part: replace(part, reported=(replace(part.reported[0], **changes),)))


def flipped(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def reworded(file: ReceiptFile) -> ReceiptFile:
    """The report's words changed under the old signature."""
    part = file.invited[0]
    word = part.reported[0].word
    changed = replace(word, envelope=replace(word.envelope, payload=flipped(word.envelope.payload)))
    return replace(
        file, invited=(replace(part, reported=(replace(part.reported[0], word=changed),)),)
    )


LIES: list[tuple[Callable[[ReceiptFile], ReceiptFile], str]] = [
    (lambda file: replace(file, uid="E2-9999"), "another expert's"),
    (lambda file: replace(file, pools=()), "there is no pool"),
    (lambda file: replace(file, pools=file.pools * 2), "given twice"),
    (lambda file: replace(file, invited=file.invited * 2), "given twice"),
    (lambda file: replace(file, checkpoints={}), "cosignature"),
    (lambda file: replace(file, descriptors={}), "descriptor is missing"),
    (
        lambda file: replace(
            file,
            descriptors=dict.fromkeys(file.descriptors, file.descriptors[file.maker]),
        ),
        "another center",
    ),
    (pool(lambda part: replace(part, announced=())), "no partner has cosigned"),
    (pool(lambda part: replace(part, announced=part.announced * 2)), "one partner is given twice"),
    (pool(lambda part: replace(part, epoch="other")), "another epoch"),
    (pool(lambda part: replace(part, suite="md5-0")), "suite"),
    (pool(lambda part: replace(part, entries=())), "not this expert's"),
    (pool(lambda part: replace(part, entries=part.entries * 2)), "one specialty twice"),
    (entry(opened("status", b"leave")), "is not in the pool"),
    (entry(opened("link", bytes(32))), "is not in the pool"),
    (entry(lambda own: replace(own, index=own.index + 1)), "is not in the pool"),
    (entry(lambda own: replace(own, specialty="Z99")), "is not in the pool"),
    (invited(lambda part: replace(part, draw=bytes(16))), "another invitation"),
    (invited(lambda part: replace(part, entry=bytes(32))), "not this expert's"),
    (invited(lambda part: replace(part, reported=part.reported * 2)), "order of the log"),
    (reported(record=b"lianping call record 1"), "not the one that the report names"),
    (reworded, "invitation 1"),
]


@pytest.mark.parametrize(("lie", "words"), LIES)
async def test_every_lie_is_found_though_the_center_sealed_it(
    made: Receipted, lie: Callable[[ReceiptFile], ReceiptFile], words: str
) -> None:
    honest = await made.receipt(made.unreached)
    with pytest.raises(ReceiptRefuted, match=words) as caught:
        verify(await made.sealed(lie(honest)), DECODE)
    assert caught.value.zh
    assert caught.value.where


async def test_parts_of_two_receipts_do_not_fit_together(made: Receipted) -> None:
    mine, other = await made.receipt(made.unreached), await made.receipt(made.declined)
    with pytest.raises(ReceiptRefuted, match="another expert's"):
        verify(await made.sealed(replace(mine, pools=other.pools)), DECODE)
    with pytest.raises(ReceiptRefuted, match="not this expert's"):
        verify(await made.sealed(replace(mine, invited=other.invited)), DECODE)
    theirs = other.invited[0].reported
    spliced = replace(mine, invited=(replace(mine.invited[0], reported=theirs),))
    with pytest.raises(ReceiptRefuted, match="another invitation"):
        verify(await made.sealed(spliced), DECODE)
    swapped = replace(mine.invited[0].reported[0], record=theirs[0].record)
    spliced = replace(mine, invited=(replace(mine.invited[0], reported=(swapped,)),))
    with pytest.raises(ReceiptRefuted, match="not the one that the report names"):
        verify(await made.sealed(spliced), DECODE)


async def test_a_changed_byte_anywhere_breaks_the_seal(made: Receipted) -> None:
    file = await made.file(made.unreached)
    assert verify(file, DECODE).uid == made.unreached
    for at in range(0, len(file), max(1, len(file) // 60)):
        with pytest.raises(ReceiptRefuted):
            verify(file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :], DECODE)
    for cut in (0, 10, len(file) // 2, len(file) - 1):
        with pytest.raises(ReceiptRefuted):
            verify(file[:cut], DECODE)


async def test_a_partner_cannot_seal_it_in_the_centers_place(made: Receipted) -> None:
    honest = await made.receipt(made.unreached)
    host = made.table.pair.host
    with pytest.raises(ReceiptRefuted):
        verify(await made.sealed(replace(honest, maker=host.id)), DECODE)


async def test_the_record_of_a_call_to_somebody_else_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A center that calls a friend who never answers, and reports all others by that record."""
    kept: dict[str, bytes] = {}

    report, keep = DrawMoves.report, Inviting.keep

    def first(response: Response, receipt: bytes) -> bytes:
        return kept.setdefault(response.name, receipt)

    def reports(self: DrawMoves, desk: Desk, row: Any, entry: bytes, response: Response,
                receipt: bytes, *, proof: bytes = b"") -> None:  # fmt: skip
        report(self, desk, row, entry, response, first(response, receipt), proof=proof)

    def keeps(self: Inviting, desk: Desk, draw: bytes, entry: bytes, record: CallRecord,
              raw: bytes) -> None:  # fmt: skip
        response = {"attend": "ACCEPT", "decline": "DECLINE", "no_answer": "NO_ANSWER"}
        keep(self, desk, draw, entry, record, kept.setdefault(response[record.answer], raw))

    monkeypatch.setattr(DrawMoves, "report", reports)
    monkeypatch.setattr(Inviting, "keep", keeps)
    monkeypatch.setattr(expert_receipts, "verify", lambda *_: None)
    async with receipted() as made:
        with pytest.raises(ReceiptRefuted, match="of another call"):
            verify(await made.file(made.attending), DECODE)


async def test_a_report_that_says_otherwise_than_the_record_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(draw_errands._ANSWERS, Answer.DECLINE, Response.NO_ANSWER)
    monkeypatch.setattr(expert_receipts, "verify", lambda *_: None)
    async with receipted() as made:  # whoever declines is reported as not reached
        ((uid,),) = await made.table.sub.center.sql(
            "SELECT max(uid) FROM invitation WHERE keys = '32'"
        )
        with pytest.raises(ReceiptRefuted, match="the gateway says decline, the report NO_ANSWER"):
            verify(await made.file(uid), DECODE)
