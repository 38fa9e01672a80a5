"""Names of the drawn experts: not before the award, by each center for its own, for anybody."""

from pathlib import Path

import pytest

from federation.evidence.verify import examined
from federation.evidence.whole import look
from federation.wire.evidence import DECODE
from node.domain.disclosure import Stage as Reached
from node.services.disclosing import standing
from node.services.dossiers import Dossiers
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.naming import NamesAfterAward, OpenedNames
from node.store import awards
from node.store.awards import Award
from tests.node.services.session_stage import Stage
from tests.node.services.test_dossier_of_services import Hall, evaluate
from tests.support.pair import Center, two_centers

ACT = "中标公告2026-041"


async def open_names(
    hall: Hall, center: Center, session: bytes, digest: bytes, act: str = ACT
) -> OpenedNames:
    service = NamesAfterAward(center.cipher, hall.boards[center.name].draws.members)
    return await center.do(lambda desk: service.open_names(desk, session, digest, act))


async def award(stage: Stage, center: Center, *, host: bool) -> None:
    subject = stage.project if host else stage.booking

    def record(desk: Desk) -> Reached:
        awards.add(desk.ledger.connection, Award(subject, "2026-05-20", "staff-1", desk.now_ms))
        return standing(desk, stage.booking).stage

    assert await center.do(record) is Reached.AWARDED


async def test_names_are_opened_after_the_award_and_anybody_can_check_them(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    async with two_centers(hall) as pair:
        stage = await hall.drawn(pair)
        await evaluate(stage)
        maker = pair.host
        made = Dossiers(
            negotiator=maker.negotiator, keyring=maker.keyring, outbox=maker.outbox,
            folder=tmp_path / "dossiers",
        )  # fmt: skip
        file = (await made.make(stage.session)).read_bytes()
        digest = examined(file, DECODE).case.suite.hash(file)

        for center in pair.centers:
            with pytest.raises(Conflicting, match="before it the committee is secret"):
                await open_names(hall, center, stage.session, digest)
        await award(stage, pair.host, host=True)
        await award(stage, pair.sub, host=False)
        opened = [await open_names(hall, center, stage.session, digest) for center in pair.centers]

        assert sorted(each.names for each in opened) == [2, 3]
        named = file + b"".join(section for each in opened for section in each.sections)
        verdict = look(named, DECODE).verdict
        (part,) = verdict.parts
        by_owner = {name.owner for name in part.names}
        assert by_owner == {center.id for center in pair.centers}
        assert all(name.uid.startswith("E") and name.name for name in part.names)
        assert {check.rule.name: check.result for check in part.checks}["V11"] == "checked"
        for name in part.names:
            assert name.name.encode() not in file


async def test_what_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    async with two_centers(hall) as pair:
        stage = await hall.drawn(pair)
        with pytest.raises(Conflicting, match="not archived"):
            await open_names(hall, pair.host, stage.session, bytes(32))
        with pytest.raises(NotFound, match="there is no session"):
            await open_names(hall, pair.host, bytes(16), bytes(32))
        with pytest.raises(Invalid, match="32 bytes"):
            await open_names(hall, pair.host, stage.session, b"short")
        for act in ("", "\u202e", "x" * 201):
            with pytest.raises(Invalid, match="characters"):
                await open_names(hall, pair.host, stage.session, bytes(32), act)
