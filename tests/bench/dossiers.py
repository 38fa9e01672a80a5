"""How long anybody needs to check a dossier, without a network and without a node.

The dossier is of one whole evaluation between two nodes, whose sub drew five experts from a large
pool: with every word, its signature, its places in both logs and the proofs of these.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from federation.evidence.verify import verify
from federation.lottery.pool import PoolMember, check_listing
from federation.protocol.draw import Slot
from federation.wire.evidence import DECODE
from node.services.pool_announcements import strata_of
from tests.bench.draws import SLOTS
from tests.evidence.evaluated import Evaluation, furnish
from tests.support.pair import two_centers
from tests.support.planning import register

SUITE: Final = "intl-1"
PROMISED_MS: Final = 150.0


async def made(experts: int) -> bytes:
    """The file of such an evaluation."""
    members = [
        PoolMember(
            expert.uid,
            expert.name,
            expert.employer_uscc,
            strata_of(expert.specialties),
            expert.status.value,
        )
        for expert in register(experts)
    ]
    slots = tuple(Slot(name, count) for name, count in SLOTS)
    async with two_centers(furnish, suites=(SUITE,)) as pair:
        played = Evaluation(pair, members=members, slots=slots)
        await played.play()
        with TemporaryDirectory() as folder:
            path = await played.dossiers(pair.host, Path(folder)).make(played.session)
            return path.read_bytes()


def check(file: bytes) -> None:
    """Verify it as somebody does who sees it for the first time."""
    check_listing.cache_clear()
    verify(file, DECODE)
