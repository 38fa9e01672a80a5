"""Which certificate is shown to whom while one replaces another, and what expired ones say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from federation.ids import CenterId
from federation.ports import Unreachable
from federation.transport.certificates import MARGIN_MS, Certificates, all_expired, validity
from federation.transport.client import GrpcTransport
from federation.transport.tls import TlsKeys, new_key, self_signed
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor
from tests.support.grpc_pair import Party, SeededRandom, two_nodes
from tests.support.identities import follow, make_secrets, signed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NOW_MS = int(NOON.timestamp() * 1000)
US = Party.named("us")
PEER = Party.named("peer")
OTHER = Party.named("other")
SECRETS = make_secrets(SeededRandom("us").bytes)


def keys(begins: timedelta, ends: timedelta) -> TlsKeys:
    return self_signed(US.center, new_key(), NOON + begins, NOON + ends)


OLD = keys(-300 * DAY, 30 * DAY)
NEW = keys(-DAY / 24, 365 * DAY)


def published(*chain: tuple[TlsKeys, ...]) -> tuple[list[bytes], Descriptor]:
    """Signed descriptors that publish these certificates, one after the other."""
    first = replace(US.identity.descriptor, tls_certificates=_der(chain[0]))
    found = [first]
    for each in chain[1:]:
        found.append(follow(found[-1], tls_certificates=_der(each)))
    return [signed(each, SECRETS) for each in found], found[-1]


def _der(keys: tuple[TlsKeys, ...]) -> tuple[bytes, ...]:
    return tuple(each.certificate for each in keys)


def wardrobe(
    *chain: tuple[TlsKeys, ...], now_ms: int = NOW_MS, have: tuple[TlsKeys, ...] = (OLD, NEW)
) -> Certificates:
    party = Party.named("us")
    signed_chain, newest = published(*chain)
    identity = party.identity
    if len(chain) == 1:
        newest = replace(newest, sequence=1)
        identity = type(identity)(signed_chain, newest, {"intl-1": identity.face("intl-1")})
    else:
        identity.renew(signed_chain, newest, {"intl-1": identity.face("intl-1")})
    ring = Keyring([PEER.identity.descriptor, OTHER.identity.descriptor])
    return Certificates(identity=identity, keyring=ring, keys=have, now_ms=lambda: now_ms)


def learned(certificates: Certificates, peer: CenterId, sequence: int) -> None:
    assert certificates._identity.learned(peer, sequence, NOW_MS + sequence)


def test_the_new_certificate_is_shown_once_every_peer_has_taken_it() -> None:
    ours = wardrobe((OLD,), (OLD, NEW))
    assert ours.shown() == OLD
    assert ours.shown_to(PEER.center) == OLD
    learned(ours, PEER.center, 1)
    learned(ours, OTHER.center, 2)
    assert ours.shown() == OLD, "one peer would be locked out"
    assert ours.shown_to(PEER.center) == OLD
    assert ours.shown_to(OTHER.center) == NEW
    learned(ours, PEER.center, 2)
    assert ours.shown() == NEW
    assert ours.shown_to(PEER.center) == NEW


@pytest.mark.parametrize(("before_ms", "shown"), [(MARGIN_MS + 1, OLD), (MARGIN_MS - 1, NEW)])
def test_a_day_before_its_end_the_old_one_gives_way_whoever_knows(
    before_ms: int, shown: TlsKeys
) -> None:
    found = validity(OLD.certificate)
    assert found is not None
    ours = wardrobe((OLD,), (OLD, NEW), now_ms=found.not_after_ms - before_ms)
    learned(ours, PEER.center, 1)
    learned(ours, OTHER.center, 1)
    assert ours.shown() == shown


def test_what_was_withdrawn_is_shown_only_to_a_peer_that_knows_nothing_else() -> None:
    ours = wardrobe((OLD,), (NEW,))
    learned(ours, PEER.center, 1)
    learned(ours, OTHER.center, 2)
    assert ours.shown() == NEW
    assert ours.shown_to(PEER.center) == OLD
    assert ours.shown_to(OTHER.center) == NEW


def test_an_expired_certificate_is_still_shown_when_there_is_no_other() -> None:
    found = validity(OLD.certificate)
    assert found is not None
    ours = wardrobe((OLD,), now_ms=found.not_after_ms + 1, have=(OLD,))
    assert ours.shown() == OLD
    assert ours.ends_ms() == found.not_after_ms


def test_a_text_that_is_no_certificate_has_no_dates() -> None:
    assert validity(b"no certificate") is None
    assert all_expired([b"no certificate"], NOW_MS) is None


EXPIRED = self_signed(PEER.center, new_key(), NOON - 400 * DAY, NOON - DAY)


async def test_a_certificate_that_expired_yesterday_is_named_with_what_to_do() -> None:
    expired = replace(PEER.at(1), tls_certificates=(EXPIRED.certificate,))
    transport = GrpcTransport(keyring=Keyring([expired]), keys=US.tls, now_ms=lambda: NOW_MS)
    with pytest.raises(Unreachable) as caught:
        await transport.hello(PEER.center, b"x")
    assert "its TLS certificate expired on 2026-11-21 12:00 UTC" in str(caught.value)
    assert "lianping peer accept" in str(caught.value)
    await transport.close()


async def test_our_own_expired_certificate_is_named_with_what_to_do() -> None:
    own = self_signed(US.center, new_key(), NOON - 400 * DAY, NOON - DAY)
    transport = GrpcTransport(keyring=Keyring([PEER.at(1)]), keys=own, now_ms=lambda: NOW_MS)
    with pytest.raises(Unreachable) as caught:
        await transport.hello(PEER.center, b"x")
    assert "our own TLS certificate expired on 2026-11-21 12:00 UTC" in str(caught.value)
    assert "lianping keys rotate --purpose tls" in str(caught.value)
    await transport.close()


async def test_why_a_greeting_failed_is_kept_until_one_gets_through() -> None:
    async with two_nodes() as (left, right):
        good = left.keyring.peers[right.center]
        expired = self_signed(right.center, new_key(), NOON - 400 * DAY, NOON - DAY)
        left.keyring.pin(replace(good, tls_certificates=(expired.certificate,)))
        with pytest.raises(Unreachable):
            await left.outbox.greet(right.center)
        assert "its TLS certificate expired" in left.outbox.link(right.center).last_error
        left.keyring.pin(good)
        await left.outbox.greet(right.center)
        assert left.outbox.link(right.center).last_error == ""
