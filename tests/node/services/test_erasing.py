"""Envelopes whose time is over are erased; the tree, its heads and its proofs stay as they are."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from federation.evidence.tlog_policy import read_policy
from federation.evidence.tlog_proof import check_proof, read_proof
from node.services import erasing, evidence_log, log_check
from node.services.erasing import DAY_MS
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.log_check import LogCheck, SuiteReport
from node.store import erasures, experts
from tests.evidence.evaluated import Evaluation, furnish
from tests.node.services.test_draws import Table, table
from tests.support.pair import Center, two_centers

__all__ = ["table"]

WHY: Final = "保存期限届满"
LONG: Final = 20 * 366 * DAY_MS  # beyond every retention that is agreed here


@pytest.fixture
async def played() -> AsyncIterator[Evaluation]:
    async with two_centers(furnish) as pair:
        evaluation = Evaluation(pair)
        await evaluation.play()
        yield evaluation


def act(conversation: bytes, reason: str, desk: Desk) -> erasing.Erased:
    return erasing.erase(desk, conversation, reason, "op")


async def checked(center: Center) -> SuiteReport:
    look = LogCheck()
    while await center.database.read(look.step):
        pass
    (report,) = look.reports
    return report


async def test_what_is_erased_leaves_the_log_as_it_was(
    played: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_check, "STEP", 7)  # many steps see what one would
    host, name = played.host, played.host.suite.suite_id
    before = await checked(host)
    assert before.faults == []
    assert before.heads >= 1
    index = (await host.sql("SELECT log_index FROM said WHERE conversation = ?", played.session))[0]
    proven = await host.do(lambda desk: evidence_log.prove(desk, name, index[0]))
    policy = read_policy(await host.do(lambda desk: evidence_log.policy(desk, name)))
    played.pair.watch.pass_ms(LONG)

    erased = [await host.do(partial(act, talk, WHY)) for talk in (played.session, *played.draws)]

    after = await checked(host)
    words = sum(each.words for each in erased)
    assert words > 20
    assert after.faults == []
    assert (after.erased, after.words) == (words, before.words - words)
    assert after.entries == before.entries + len(erased), "each act is a leaf"
    assert after.heads == before.heads
    again = await host.do(lambda desk: evidence_log.prove(desk, name, index[0]))
    assert again.entry == proven.entry
    for each in (proven, again):
        assert check_proof(read_proof(each.proof), each.entry, policy)
    for table_, column in (("said", "payload"), ("said", "envelope"), ("heard", "envelope")):
        rows = await host.sql(
            f"SELECT DISTINCT {column} FROM {table_} WHERE conversation = ?", played.session
        )
        assert rows == [(b"",)]


async def test_nothing_of_it_is_left_in_the_file(tmp_path: Path) -> None:
    async with two_centers(furnish, folder=tmp_path) as pair:
        played = Evaluation(pair)
        await played.play()
        host = played.host
        title = "吉安县人民路道路工程".encode()
        await _to_disk(host)
        assert title in (tmp_path / "host.db").read_bytes()
        pair.watch.pass_ms(LONG)
        await host.do(partial(act, played.session, WHY))
        await _to_disk(host)
        assert title not in (tmp_path / "host.db").read_bytes()


async def _to_disk(center: Center) -> None:
    await center.database.alone(
        lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    )


async def test_a_dossier_that_needs_them_says_so(played: Evaluation, tmp_path: Path) -> None:
    service = played.dossiers(played.host, tmp_path)
    path = await service.make(played.session)
    played.pair.watch.pass_ms(LONG)
    found = await played.host.do(partial(act, played.draws[0], WHY))
    assert found.dossiers == (path.name,), "what still holds them is named"
    with pytest.raises(Conflicting, match=WHY) as refused:
        await service.make(played.session)
    assert "erased" in refused.value.en


async def test_the_act_is_kept_and_its_leaf_commits_to_it(played: Evaluation) -> None:
    host = played.host
    played.pair.watch.pass_ms(LONG)
    await host.do(partial(act, played.session, WHY))
    (row,) = await host.do(lambda desk: erasures.every(desk.ledger.connection))
    assert (row.conversation, row.by, row.reason) == (played.session, "op", WHY)
    data = await host.do(lambda desk: desk.ledger.log_data(row.suite, row.log_index))
    assert data is not None
    assert re.fullmatch(rb'\{"act":"[0-9a-f]{64}","at":\d+,"center":"lp1\w+","v":1\}', data)
    assert WHY.encode() not in data
    with pytest.raises(Exception, match="stays told"):
        await host.do(lambda desk: desk.ledger.connection.execute("DELETE FROM erasure"))


async def test_before_its_time_nothing_is_erased(played: Evaluation) -> None:
    host, sub = played.host, played.pair.sub
    terms = await host.do(lambda desk: desk.ledger.agreement(played.agreement))
    assert terms is not None
    days = max(terms.av_retention_days, terms.data_protection.retention_days)
    with pytest.raises(Conflicting, match=f"{days}"):
        await host.do(partial(act, played.session, WHY))
    last = await host.do(lambda desk: erasures.ended_ms(desk.ledger.connection, played.session))
    played.pair.watch.now_ms = last + days * DAY_MS - 1
    with pytest.raises(Conflicting):
        await host.do(partial(act, played.session, WHY))
    played.pair.watch.now_ms += 1
    assert (await host.do(partial(act, played.session, WHY))).words
    with pytest.raises(Conflicting, match="were erased"):
        await host.do(partial(act, played.session, WHY))
    assert await sub.sql("SELECT count(*) FROM erasure") == [(0,)]


async def test_only_draws_and_evaluations_that_are_over_are_erased(played: Evaluation) -> None:
    host = played.host
    played.pair.watch.pass_ms(LONG)
    with pytest.raises(NotFound):
        await host.do(partial(act, bytes(16), WHY))
    with pytest.raises(Invalid):
        await host.do(partial(act, played.booking, WHY))
    for reason in ("", " ", "长" * 501):
        with pytest.raises(Invalid):
            await host.do(partial(act, played.session, reason))

    def reopened(desk: Desk) -> None:
        known = desk.ledger.conversation(played.session)
        assert known is not None
        desk.ledger.put_conversation(replace(known, phase="RUNNING"), desk.now_ms)  # type: ignore[arg-type]

    await host.do(reopened)
    with pytest.raises(Conflicting, match="RUNNING"):
        await host.do(partial(act, played.session, WHY))


async def test_a_word_that_is_missing_or_changed_without_an_act_is_a_fault(
    played: Evaluation,
) -> None:
    host = played.host

    def tamper(statement: str, desk: Desk) -> None:
        desk.ledger.connection.execute(statement)

    await host.do(partial(tamper, "UPDATE said SET payload = x'', envelope = x'' WHERE number = 1"))
    assert any("no act erased" in each for each in (await checked(host)).faults)
    await host.do(
        partial(
            tamper,
            "UPDATE said SET envelope = (SELECT envelope FROM said WHERE number = 2)"
            " WHERE number = 1",
        )
    )
    assert any("another one" in each for each in (await checked(host)).faults)
    await host.do(partial(tamper, "DELETE FROM said WHERE number = 1"))
    faults = (await checked(host)).faults
    assert any("numbered to" in each for each in faults)
    await host.do(
        partial(
            tamper,
            "UPDATE checkpoint SET note = replace(note, char(10) || size || char(10),"
            " char(10) || size || char(10) || 'A')",
        )
    )
    assert any("another root" in each for each in (await checked(host)).faults)


# Nothing personal in a leaf

HEX: Final = "[0-9a-f]{64}"
CENTER: Final = "lp1[a-z2-7]{32}"
LEAF: Final = re.compile(
    rf'\{{"at":\d+,"dir":"(in|out)(-again)?","peer":"{CENTER}",'
    rf'"receipt":"({HEX})?","type":"[a-z0-9.+/A-Z_-]+","v":1,"word":"{HEX}"\}}'
    rf'|\{{"at":\d+,"descriptor":"{HEX}","peer":"{CENTER}","sequence":\d+,"v":1\}}'
    rf'|\{{"act":"{HEX}","at":\d+,"center":"{CENTER}","v":1\}}'
)


async def leaves_of(center: Center) -> list[str]:
    return [data.decode() for (data,) in await center.sql("SELECT data FROM log_entry")]


async def test_no_leaf_of_an_evaluation_says_more_than_hashes(played: Evaluation) -> None:
    for center in played.pair.centers:
        leaves = await leaves_of(center)
        assert len(leaves) > 60
        assert [leaf for leaf in leaves if not LEAF.fullmatch(leaf)] == []


async def test_no_planted_name_number_or_place_is_found_in_a_leaf(table: Table) -> None:
    await table.start()
    planted: list[Any] = []
    for board in (table.host, table.sub):
        everybody = await board.center.do(partial(experts_of, board.center))
        for expert in everybody:
            planted += [expert.name, expert.phone, expert.uid, expert.id_number]
        planted += [number for number, _ in board.phones.calls]
    planted += ["吉安大桥", "E3608", table.project.hex(), table.booking.hex()]
    assert len(set(planted)) > 50
    for board in (table.host, table.sub):
        text = "\n".join(await leaves_of(board.center))
        assert text.count("\n") > 20
        assert [each for each in set(planted) if each in text] == []


def experts_of(center: Center, desk: Desk) -> list[Any]:
    return list(experts.all(desk.ledger.connection, center.cipher))
