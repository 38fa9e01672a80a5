"""The federation's ``Store`` port on the node's database."""

from collections.abc import Callable
from typing import TypeVar

from typing_extensions import override

from federation.ports import Store
from node.store.database import Database
from node.store.ledger import LogTip, SqlLedger

T = TypeVar("T")


class LedgerStore(Store[SqlLedger]):
    """Runs functions on a ledger, each in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tip = LogTip()

    @override
    async def transact(self, function: Callable[[SqlLedger], T]) -> T:
        return await self._database.transact(
            lambda connection: function(SqlLedger(connection, self._tip))
        )
