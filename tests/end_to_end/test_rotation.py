"""Keys and certificates are replaced while words flow both ways: nothing lost, nothing doubled.

Real keys in folders, real gRPC, all loops; what the commands do to a folder is done to it, and
the node is asked to reload as the command asks it.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from federation.engine.acquaintance import Turn
from federation.engine.sightings import Sighting
from federation.ports import Unreachable
from federation.trust.keys import Purpose
from federation.wire.envelopes import Outcome, decode_envelope
from node.keystore.errors import BadKeys
from node.services.house import Desk
from tests.support.grpc_pair import HOME
from tests.support.keyed import Keyed, acquainted, announcement, keyed, pause

WORDS_BETWEEN = 12


class Stream:
    """Words without end, from one center to the other."""

    def __init__(self, speaker: Keyed, hearer: Keyed) -> None:
        self.speaker = speaker
        self.hearer = hearer
        self.said: list[bytes] = []
        self._over = asyncio.Event()

    async def run(self) -> None:
        while not self._over.is_set():
            word = announcement(f"pool {len(self.said)}")
            spoken = await self.speaker.node.open(self.hearer.id, word)
            self.said.append(spoken.hash)
            await pause(0.005)

    async def go_on(self, words: int = WORDS_BETWEEN) -> None:
        """Wait until some more words were said."""
        until = len(self.said) + words
        async with asyncio.timeout(30):
            while len(self.said) < until:
                await pause(0.005)

    def end(self) -> None:
        self._over.set()


async def _check_nothing_lost(stream: Stream) -> None:
    """Each word was heard once, accepted, and receipted."""
    speaker, hearer = stream.speaker.node, stream.hearer.node

    def said(desk: Desk) -> list[tuple[bytes, int]]:
        return desk.ledger.connection.execute(
            "SELECT hash, accepted FROM said WHERE peer = ?", (stream.hearer.id,)
        ).fetchall()

    def heard(desk: Desk) -> list[tuple[bytes, int]]:
        return desk.ledger.connection.execute(
            "SELECT hash, accepted FROM heard WHERE sender = ?", (stream.speaker.id,)
        ).fetchall()

    ours = await speaker.negotiator.transact(said)
    theirs = await hearer.negotiator.transact(heard)
    assert Counter(ours) == Counter((each, 1) for each in stream.said)
    assert Counter(theirs) == Counter(ours)
    refused = [r for _, _, r in hearer.watched.receipts if r.outcome is Outcome.REFUSED]
    assert not refused


async def _keys_used(node: Keyed, sender: Keyed) -> set[bytes]:
    def run(desk: Desk) -> list[tuple[bytes]]:
        return desk.ledger.connection.execute(
            "SELECT envelope FROM heard WHERE sender = ?", (sender.id,)
        ).fetchall()

    rows = await node.node.negotiator.transact(run)
    return {decode_envelope(raw).key_id for (raw,) in rows}


def _message_key(node: Keyed) -> bytes:
    return node.descriptor.keys_for(Purpose.MESSAGE, HOME)[0].id


def _quiet(node: Keyed) -> None:
    """Nothing that would ring an alarm."""
    assert node.node.watched.refusals == []
    assert node.node.watched.faults == []
    assert node.node.watched.breaks == []
    assert node.node.watched.sightings[Sighting.COSIGNED]
    assert not node.node.watched.sightings[Sighting.BAD]
    assert not node.node.watched.sightings[Sighting.FORK]


async def _adopted(at: Keyed, whose: Keyed) -> None:
    async with asyncio.timeout(30):
        while at.node.keyring.peers[whose.id].sequence < whose.descriptor.sequence:
            await pause(0.05)


async def _replace_everything(left: Keyed, right: Keyed, streams: list[Stream]) -> None:
    for purpose in Purpose:
        for center, other in ((left, right), (right, left)):
            center.rotate([purpose])
            await center.reload()
            await _adopted(other, center)  # at once, or with the next greeting
            await streams[0].go_on(5)
    for center in (left, right):
        shown = center.certificates.shown()
        center.rotate([], tls=True)
        await center.reload()
        assert center.certificates.shown() != shown, "the partner has taken the new one"
        for stream in streams:
            await stream.go_on()


@pytest.mark.timeout(120)
async def test_everything_is_replaced_under_traffic_and_nothing_is_lost(tmp_path: Path) -> None:
    async with acquainted(tmp_path) as (left, right):
        streams = [Stream(left, right), Stream(right, left)]
        first = {each: _message_key(each) for each in (left, right)}
        async with asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(stream.run())
            for stream in streams:
                await stream.go_on()
            await _replace_everything(left, right, streams)
            revoked = _message_key(left)
            for purpose in Purpose:
                left.revoke(left.descriptor.keys_for(purpose, HOME)[0].id)
                await left.reload()
                for stream in streams:
                    await stream.go_on()
            for stream in streams:
                stream.end()
        for center, other in ((left, right), (right, left)):
            await center.settled(other.id)
        for stream in streams:
            await _check_nothing_lost(stream)
        for center in (left, right):
            _quiet(center)
            assert {turn for _, turn in center.node.watched.introductions} == {Turn.NEWER}
        used = await _keys_used(right, left)
        assert {first[left], revoked, _message_key(left)} <= used
        ring = right.node.keyring.peers[left.id]
        assert ring == left.descriptor
        assert ring.revocation(revoked) is not None
        assert left.node.keyring.peers[right.id] == right.descriptor


@pytest.mark.timeout(60)
async def test_words_to_a_partner_that_was_away_use_what_it_knows(tmp_path: Path) -> None:
    async with keyed("长乐", tmp_path / "a") as left, keyed("吉安", tmp_path / "b") as right:
        await left.pin(right)
        await right.pin(left)
        await left.node.outbox.greet(right.id)
        old = _message_key(left)
        await right.node.server.stop(0)
        left.rotate(tls=True)
        renewed = await left.reload()
        assert renewed.missed == (right.id,)
        server = right.node.new_server()
        await server.start(f"127.0.0.1:{right.port}")
        try:
            await left.node.open(right.id, announcement("waits"))
            async with asyncio.timeout(20):
                while await left.node.negotiator.transact(
                    lambda desk: bool(desk.ledger.pending(right.id, 1, 1))
                ):
                    left.node.outbox.reset(right.id)
                    await left.node.outbox.deliver(right.id)
            assert await _keys_used(right, left) == {old}
            assert right.node.watched.refusals == []
            await left.node.outbox.greet(right.id)
            assert right.node.keyring.peers[left.id] == left.descriptor
        finally:
            await server.stop(0)


@pytest.mark.timeout(60)
async def test_a_partner_whose_known_keys_were_all_revoked_finds_its_way_back(
    tmp_path: Path,
) -> None:
    async with keyed("长乐", tmp_path / "a") as left, keyed("吉安", tmp_path / "b") as right:
        await left.pin(right)
        await right.pin(left)
        await left.node.outbox.greet(right.id)
        key = _message_key(left)
        for _ in range(10):  # more than one greeting shows
            key = left.revoke(key).descriptor.keys_for(Purpose.MESSAGE, HOME)[0].id
        await left.reload()
        for _ in range(2):
            await left.node.outbox.greet(right.id)
        assert right.node.keyring.peers[left.id] == left.descriptor
        await left.node.open(right.id, announcement("after"))
        assert await left.node.outbox.deliver(right.id)


@pytest.mark.timeout(60)
async def test_a_copied_folder_that_runs_elsewhere_is_found_by_its_descriptors(
    tmp_path: Path,
) -> None:
    async with keyed("长乐", tmp_path / "a") as left, keyed("吉安", tmp_path / "b") as right:
        await left.pin(right)
        await right.pin(left)
        chain = left.folder / "descriptors"
        left.rotate([Purpose.MESSAGE])
        mine = (chain / "00000002.bin").read_bytes()
        (chain / "00000002.bin").unlink()  # the copy is made before, and rotated by itself
        left.rotate([Purpose.MESSAGE])
        async with keyed("copy", tmp_path / "c", copy_of=left) as copy:
            await copy.pin(right)
            (chain / "00000002.bin").write_bytes(mine)
            await left.reload()
            await left.node.outbox.greet(right.id)
            with pytest.raises(Unreachable):  # its newest key counts for nobody, and yet
                await copy.node.outbox.greet(right.id)
            assert right.node.watched.introductions[-1] == (left.id, Turn.TWIN)
            assert right.node.keyring.peers[left.id] == left.descriptor, "the known one stays"
            assert await right.node.negotiator.transact(lambda desk: desk.ledger.doubtful(left.id))


@pytest.mark.timeout(60)
async def test_a_copied_folder_that_says_other_words_finds_out_by_its_log_and_stops(
    tmp_path: Path,
) -> None:
    """Its own signature on a log that it has not tells it that it runs on an old copy."""
    async with keyed("长乐", tmp_path / "a") as left, keyed("吉安", tmp_path / "b") as right:
        await left.pin(right)
        await right.pin(left)
        await left.node.open(right.id, announcement("here"))
        await left.node.outbox.deliver(right.id)
        await left.node.outbox.greet(right.id)
        before = await right.node.negotiator.transact(
            lambda desk: desk.ledger.witnessed(left.id, HOME)
        )
        async with keyed("copy", tmp_path / "c", copy_of=left) as copy:
            await copy.pin(right)
            for pool in ("elsewhere", "and again"):
                await copy.node.open(right.id, announcement(pool))
            await copy.node.outbox.deliver(right.id)
            await copy.node.outbox.greet(right.id)
            assert await copy.node.negotiator.transact(lambda desk: desk.ledger.blocked(right.id))
        assert before == await right.node.negotiator.transact(
            lambda desk: desk.ledger.witnessed(left.id, HOME)
        ), "nothing of the copy's log was cosigned"
        assert not await left.node.negotiator.transact(lambda desk: desk.ledger.blocked(right.id))


async def test_a_key_folder_older_than_the_database_is_refused(tmp_path: Path) -> None:
    async with keyed("长乐", tmp_path / "a") as left:
        await left.renewal.note()
        left.rotate([Purpose.MESSAGE])
        await left.reload()
        newest = left.folder / "descriptors" / "00000002.bin"
        newest.unlink()  # an old back-up of the folder alone
        with pytest.raises(BadKeys, match="restore a backup"):
            await left.restarted().note()
        left.rotate([Purpose.MESSAGE])  # which signs another descriptor of that number
        with pytest.raises(BadKeys, match="restore a backup"):
            await left.restarted().note()
        left.rotate([Purpose.LOG])
        with pytest.raises(BadKeys, match="restore a backup"):
            await left.reload()
        assert left.descriptor.sequence == 2, "nothing of it is in force"


@pytest.mark.parametrize("purpose", [Purpose.LOG, Purpose.WITNESS])
async def test_a_log_goes_on_without_an_alarm_when_its_only_key_is_revoked(
    tmp_path: Path, purpose: Purpose
) -> None:
    async with keyed("长乐", tmp_path / "a") as left, keyed("吉安", tmp_path / "b") as right:
        await left.pin(right)
        await right.pin(left)
        for turn, caller in enumerate((left, right)):
            for center, other in ((left, right), (right, left)):
                await center.node.open(other.id, announcement(f"before {turn}"))
                await center.node.outbox.deliver(other.id)
                await center.node.outbox.greet(other.id)
            (key,) = left.descriptor.keys_for(purpose, HOME)
            left.revoke(key.id)
            await left.renewal.reload() if caller is left else await left.taken_in()
            await caller.node.outbox.greet((right if caller is left else left).id)
            assert right.node.keyring.peers[left.id] == left.descriptor
            for center, other in ((left, right), (right, left)):
                await center.node.open(other.id, announcement(f"after {turn}"))
                await center.node.outbox.deliver(other.id)
                await center.node.outbox.greet(other.id)
                await other.node.outbox.greet(center.id)
            await left.settled(right.id)
            await right.settled(left.id)
            _quiet(left)
            _quiet(right)
