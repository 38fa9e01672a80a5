"""A dossier tells what the regulator had found of calls to experts, and nobody makes that up."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from federation.evidence.called_back import CalledBack
from federation.evidence.case import Case, Refuted, Step
from federation.evidence.dossier import Dossier, read, write
from federation.evidence.verify import examined, verify
from federation.evidence.whole import look
from federation.protocol.conversation import Kind, Word
from federation.protocol.draw import Report
from federation.protocol.oversight import (
    Act,
    FaultRecord,
    Finding,
    StateAct,
    StateCallBack,
    Wrong,
)
from federation.wire.envelopes import encode_envelope
from federation.wire.evidence import DECODE
from federation.wire.words import PAYLOAD_TYPES, encode_word
from node.services.dossier_page import render
from node.store import call_backs
from node.store.call_backs import Checked
from tests.evidence.evaluated import Evaluation
from tests.evidence.test_outside import agreed, both
from tests.support.pair import Center
from tests.support.renewed import new_message_key, told
from tests.support.witnessed import Witnessed

TWO = (bytes([1]) * 32, bytes([2]) * 32)


@dataclass
class Made:
    """An evaluation with its dossier, and who may state something of its draws."""

    pair: Witnessed
    played: Evaluation
    folder: Path
    dossier: Dossier
    case: Case

    @property
    def regulator(self) -> Center:
        return self.pair.others[0]

    @property
    def draw(self) -> bytes:
        return self.case.of_kind(Kind.DRAW)[0]

    @property
    def entries(self) -> list[bytes]:
        return [report.entry for _, report in self.case.find(self.draw, Report)]

    async def signed(self, by: Center, to: str, word: Word) -> bytes:
        suite_id = self.case.suite.suite_id
        return await by.do(
            lambda desk: encode_envelope(
                desk.identity.stated(
                    suite_id, to, bytes(16), PAYLOAD_TYPES[type(word)], encode_word(word),
                    desk.now_ms,
                )
            )
        )  # fmt: skip

    async def stated(self, *words: Word) -> bytes:
        """The file with these of the regulator's words."""
        told = [await self.signed(self.regulator, self.pair.host.id, word) for word in words]
        return self.written(*told)

    def written(self, *envelopes: bytes) -> bytes:
        return write(replace(self.dossier, call_backs=envelopes), self.pair.host.signer)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    async with both() as pair:
        played = Evaluation(pair, outside=pair.others, terms=agreed(pair))
        await played.play()
        path = await played.dossiers(pair.host, tmp_path).make(played.session)
        file = path.read_bytes()
        yield Made(pair, played, tmp_path, read(file)[0], examined(file, DECODE).case)


async def test_what_was_found_is_told_with_the_draw_in_every_form(made: Made) -> None:
    one, other, *_ = made.entries
    file = await made.stated(
        StateCallBack(made.draw, one, Finding.MISMATCH, TWO),
        FaultRecord(made.draw, other, Wrong.NOT_PRODUCED),
        StateCallBack(made.draw, other, Finding.MATCH, TWO),
    )
    verdict = verify(file, DECODE)
    assert CalledBack(2, 1, 1) in {draw.called_back for draw in verdict.draws}
    document: Any = verdict.document()
    assert {"checked": 2, "mismatched": 1, "faulty": 1} in [
        each["called_back"] for each in document["draws"]
    ]
    assert "call-backs: 2 checked, 1 mismatched, 1 without a good record" in verdict.summary("en")
    assert "监管部门抽查邀请2次, 专家说法不符1次, 通话回执有误1次" in verdict.summary("zh")
    page = render(look(file, DECODE), "a.dossier", file)
    assert "2 checked, 1 mismatched, 1 without a good record" in page


async def test_of_a_draw_that_nobody_checked_nothing_is_told(made: Made) -> None:
    verdict = verify(made.written(), DECODE)
    assert {draw.called_back for draw in verdict.draws} == {CalledBack()}
    assert "call-backs" not in verdict.summary("en")


async def test_whoever_makes_the_file_puts_in_what_it_was_told(made: Made) -> None:
    word = StateCallBack(made.draw, made.entries[0], Finding.MATCH, TWO)
    host, suite_id = made.pair.host, made.case.suite.suite_id
    said = await made.regulator.do(lambda desk: desk.open(host.id, None, word, suite_id=suite_id))
    await made.pair.greet()
    row = Checked(
        said.conversation.id, made.draw, word.entry, "StateCallBack", word.finding.name, 1
    )
    await host.do(lambda desk: call_backs.add_checked(desk.ledger.connection, row))
    again = made.folder / "again"
    again.mkdir()
    path = await made.played.dossiers(host, again).make(made.played.session)
    verdict = verify(path.read_bytes(), DECODE)
    assert CalledBack(1, 0, 0) in {draw.called_back for draw in verdict.draws}


async def test_what_was_stated_under_a_key_that_is_revoked_spoils_no_file(tmp_path: Path) -> None:
    async with both() as pair:
        regulator, neighbour = pair.others
        terms = agreed(pair, outside_contributors=(neighbour.id,))
        played = Evaluation(pair, outside=[neighbour], terms=terms)
        await played.play()
        first = tmp_path / "first"
        first.mkdir()
        path = await played.dossiers(pair.host, first).make(played.session)
        case = examined(path.read_bytes(), DECODE).case
        draw = case.of_kind(Kind.DRAW)[0]
        entry = case.find(draw, Report)[0][1].entry
        word = StateCallBack(draw, entry, Finding.MATCH, TWO)
        suite_id = case.suite.suite_id
        said = await regulator.do(
            lambda desk: desk.open(pair.host.id, None, word, suite_id=suite_id)
        )
        await pair.greet()
        row = Checked(said.conversation.id, draw, entry, "StateCallBack", "MATCH", 1)
        await pair.host.do(lambda desk: call_backs.add_checked(desk.ledger.connection, row))
        await told(regulator, pair.host)
        new_message_key(regulator, revoke=True)
        await told(regulator, pair.host)

        path = await played.dossiers(pair.host, tmp_path).make(played.session)
        verdict = verify(path.read_bytes(), DECODE)
        assert {each.called_back for each in verdict.draws} == {CalledBack()}


@pytest.mark.parametrize(
    "lie", ["another signer", "another center", "no invitation", "one officer", "twice",
            "another word", "no envelope", "another draw"],
)  # fmt: skip
async def test_what_the_regulator_did_not_state_is_refuted(made: Made, lie: str) -> None:
    honest = StateCallBack(made.draw, made.entries[0], Finding.MATCH, TWO)
    host, sub, neighbour = made.pair.host, made.pair.sub, made.pair.others[1]
    good = await made.signed(made.regulator, host.id, honest)
    signed = {
        "another signer": lambda: made.signed(neighbour, host.id, honest),
        "another center": lambda: made.signed(made.regulator, neighbour.id, honest),
        "no invitation": lambda: made.signed(
            made.regulator, host.id, replace(honest, entry=bytes(32))
        ),
        "another draw": lambda: made.signed(
            made.regulator, host.id, replace(honest, draw_id=bytes(16))
        ),
        "one officer": lambda: made.signed(
            made.regulator, host.id, replace(honest, officers=(TWO[0], TWO[0]))
        ),
        "twice": lambda: made.signed(
            made.regulator, sub.id, replace(honest, finding=Finding.MISMATCH)
        ),
        "another word": lambda: made.signed(
            made.regulator, host.id, StateAct(Act.OPEN_POOL, bytes(32), "x", TWO)
        ),
    }
    bad = await signed[lie]() if lie in signed else b"no envelope"
    verify(made.written(good), DECODE)
    with pytest.raises(Refuted) as caught:
        verify(made.written(good, bad), DECODE)
    assert caught.value.step is Step.DRAWS
    assert caught.value.where == "call_backs.1"
