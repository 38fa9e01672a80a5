"""Experts of our own who leave a list that they were on: leave, recusal, absence.

Each is followed by the next rank of the same, still sealed order (补抽), on any day until the
report is signed. Two who leave at once are reported one after the other: the first must be
replaced before the list can be opened again. Why somebody left stays here, encrypted; the other
center is told that, and a salted digest of why. What follows in a session is ``session_replacing``.
"""

import json
from typing import Final

from federation.protocol import draw as words
from federation.protocol.draw import OWNER, Response
from federation.trust.suite import enc
from node.services.draw_files import DrawFiles
from node.services.draw_moves import DrawMoves
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.session_view import Departed
from node.store import departures, draws
from node.store.cipher import ColumnCipher
from node.store.departures import Departure
from node.store.draws import DrawRow

SYSTEM: Final = "system"
_REASON: Final = "departure.sealed_reason"
_CLOSED: Final = frozenset({words.CLOSED, words.VOID})


class Departures:
    """Keeps who left, and reports them in turn."""

    def __init__(self, files: DrawFiles, moves: DrawMoves, cipher: ColumnCipher) -> None:
        self._files = files
        self._moves = moves
        self._cipher = cipher

    def depart(
        self,
        desk: Desk,
        draw: bytes,
        entry: bytes,
        response: Response,
        *,
        reason: str = "",
        by: str = SYSTEM,
        proof: bytes = b"",
    ) -> None:
        """One of our own leaves a list; twice is once.

        Args:
            desk: The floor.
            draw: Which draw.
            entry: Who.
            response: One of ``draw.GONE``.
            reason: For our own staff; never told to the other center.
            by: Who enters it.
            proof: The regulator's ``Recuse`` as it was signed, where that is why.

        Raises:
            NotFound: No such draw of our own pool, or the expert is not on its list.
            Conflicting: The list was never sealed, or the draw is over.
        """
        assert response in words.GONE, "every other answer is to an invitation"
        connection = desk.ledger.connection
        row = draws.get(connection, draw)
        if row is None or row.role != OWNER or entry not in draws.invitations(connection, draw):
            raise NotFound("没有这位专家的邀请", "this expert was not invited by us")
        if any(left.entry == entry for left in departures.of_draw(connection, draw)):
            return
        seen = self._files.view(desk, row)
        if row.phase in _CLOSED:
            raise Conflicting(
                "评标报告已签署或抽取已作废,不能再更换专家",
                "the report is signed or the draw is void; nobody is replaced any more",
            )
        if seen.walk is None or not seen.walk.revision:
            raise Conflicting(
                "名单尚未封存,请待抽取完成后再登记",
                "the list is not sealed yet; enter it once the draw is complete",
            )
        if entry not in {one for _, one in seen.walk.chosen}:
            raise NotFound("这位专家不在名单中", "this expert is not on the list")
        place = f"{draw.hex()}/{entry.hex()}"
        departures.add(
            connection,
            Departure(
                draw,
                entry,
                response.name,
                self._cipher.seal(_REASON, place, json.dumps(reason, ensure_ascii=False)),
                desk.new_secret(),
                proof,
                by,
                desk.now_ms,
            ),
        )
        self.go_on(desk, draw)

    def go_on(self, desk: Desk, draw: bytes) -> None:
        """Report whoever left next, if the list is sealed, and those that others add to it."""
        row = self._files.row(desk, draw)
        waiting = self.waiting(desk, row)
        together = self._files.beside(desk, row)
        if not waiting or not all(self._files.is_sealed(desk, one) for one in together):
            return
        one = waiting[0]
        departures.set_reported(desk.ledger.connection, one)
        receipt = enc(one.response.encode(), self.reason(one).encode(), one.salt)
        response = Response[one.response]
        self._moves.report(desk, row, one.entry, response, receipt, proof=one.proof)

    def waiting(self, desk: Desk, row: DrawRow) -> list[Departure]:
        """Who has left, and was not reported yet."""
        return [one for one in departures.of_draw(desk.ledger.connection, row.id)
                if not one.reported]  # fmt: skip

    def told(self, desk: Desk, row: DrawRow) -> list[Departed]:
        """Who has left, with why."""
        return [
            Departed(one.entry, Response[one.response], self.reason(one), one.by, one.at_ms,
                     one.reported)
            for one in departures.of_draw(desk.ledger.connection, row.id)
        ]  # fmt: skip

    def reason(self, one: Departure) -> str:
        """Why somebody left: for the staff of our own center."""
        place = f"{one.draw.hex()}/{one.entry.hex()}"
        reason = json.loads(self._cipher.open(_REASON, place, one.sealed_reason))
        assert isinstance(reason, str), "as it was sealed"
        return reason
