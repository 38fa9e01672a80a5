"""No system at all: what a regulator's node (监督部门) has in place of all outside systems.

It books no venue, calls no expert and seals no list, so nothing of it should ever get here;
if something does, it is refused and told by name, never played.
"""

from collections.abc import Sequence
from typing import NoReturn

from typing_extensions import override

from adapters.errors import Rejected
from adapters.experts.port import ExpertLibrary, Export
from adapters.identity.port import FaceCheck, Identity
from adapters.messaging.port import CallResult, Messaging
from adapters.signing.port import Signature, Signing
from adapters.trading.port import RosterReceipt, TradingSystem
from adapters.video.port import Recording, Room, Video


class Absent(ExpertLibrary, Identity, Messaging, Signing, TradingSystem, Video):
    """Stands in the place of a system that is not there, and rejects whatever is asked of it.

    Args:
        system: The configured name of the system that is missing.
    """

    def __init__(self, system: str) -> None:
        self._system = system

    @property
    @override
    def stand_in(self) -> bool:
        return False

    @override
    async def self_test(self) -> None:
        self._reject()

    @override
    async def aclose(self) -> None:
        return

    @override
    async def fetch(self) -> Export:
        self._reject()

    @override
    async def verify(self, id_number: str, name: str, face: bytes) -> FaceCheck:
        self._reject()

    @override
    def receipt_key(self, suite: str) -> bytes:
        self._reject()

    @override
    async def invite(self, key: str, phone: str, text: str, suite: str = "") -> CallResult:
        self._reject()

    @override
    async def sms(self, key: str, phone: str, text: str, suite: str = "") -> bytes:
        self._reject()

    @override
    async def sign(
        self, key: str, signer_id_number: str, document_sha256: bytes, face: bytes
    ) -> Signature:
        self._reject()

    @override
    async def sealing_key(self, suite: str) -> bytes:
        self._reject()

    @override
    async def deliver_roster(
        self, suite: str, draw_id: str, revision: int, info: bytes, sealed: bytes
    ) -> RosterReceipt:
        self._reject()

    @override
    async def open_room(self, key: str, title: str, sites: Sequence[str]) -> Room:
        self._reject()

    @override
    async def close_room(self, room_id: str) -> Recording:
        self._reject()

    def _reject(self) -> NoReturn:
        raise Rejected(self._system, "a regulator's node has no such system")
