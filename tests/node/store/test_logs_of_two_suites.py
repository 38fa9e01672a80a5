"""Two logs in one database: none shows in the other, and what was rolled back in neither."""

from pathlib import Path
from typing import Final

import pytest

from federation.trust import merkle
from federation.trust.suite import SUITES
from node.store.ledger import SqlLedger
from node.store.ledger_store import LedgerStore
from tests.support.pair import two_centers

MANY: Final = 1_111  # more than any page, and no power of two
WORD: Final = bytes(32)


class Broken(Exception):
    pass


def grow(ledger: SqlLedger) -> None:
    for number in range(MANY):
        ledger.append_log("gm-1", b"%d" % number, WORD)
        if number % 3 == 0:
            ledger.append_log("intl-1", b"%d" % number, WORD)


def heads(ledger: SqlLedger) -> list[tuple[int, bytes]]:
    return [ledger.log_head(suite_id) for suite_id in SUITES]


def grow_and_break(ledger: SqlLedger) -> None:
    for suite_id in SUITES:
        ledger.append_log(suite_id, b"never", WORD)
    raise Broken


def append(ledger: SqlLedger) -> None:
    ledger.append_log("gm-1", b"after", WORD)


async def test_long_logs_go_on_after_a_restart_and_after_a_transaction_that_failed(
    tmp_path: Path,
) -> None:
    async with two_centers(folder=tmp_path) as pair:
        before = LedgerStore(pair.host.database)
        await before.transact(grow)
        restarted = LedgerStore(pair.host.database)
        assert await restarted.transact(heads) == await before.transact(heads)
        with pytest.raises(Broken):
            await restarted.transact(grow_and_break)
        await restarted.transact(append)
        for suite_id, (size, root) in zip(SUITES, await restarted.transact(heads), strict=True):
            suite = SUITES[suite_id]
            entries = await pair.host.sql(
                "SELECT data FROM log_entry WHERE suite = ? ORDER BY idx", suite_id
            )
            assert size == len(entries)
            assert root == merkle.root(
                suite, [merkle.leaf_hash(suite, data) for (data,) in entries]
            )
