"""Asking a log for the proof that what others have of it goes together with what we cosigned.

Here is only the asking, which waits; what is asked and what an answer means is ``passing``.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from federation.engine.negotiator import Negotiator
from federation.ids import CenterId
from federation.ports import Ledger
from federation.wire.questions import ConsistencyAnswer

L = TypeVar("L", bound=Ledger)


async def ask_for_proofs(
    negotiator: Negotiator[L],
    ask: Callable[[CenterId, object], Awaitable[object]],
    peer: CenterId,
    suite_id: str,
) -> None:
    """Ask a peer once, if there is anything to ask. Raises what ``ask`` raises."""
    witness = negotiator.witness
    question = await negotiator.transact(lambda floor: witness.asks(floor, peer, suite_id))
    if question is None:
        return
    answer = await ask(peer, question)
    if isinstance(answer, ConsistencyAnswer):
        await negotiator.transact(lambda floor: witness.proven(floor, peer, question, answer))
