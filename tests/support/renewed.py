"""A center of ``pair`` gets a new message key, with or without revoking the old one."""

from federation.ids import CenterId
from federation.trust.envelope import Signer
from federation.trust.keys import PublicKey, Purpose, Revocation
from federation.trust.secrets import Face
from tests.support.identities import FOREVER_MS, follow, signed
from tests.support.pair import Center
from tests.support.secret_keys import face_of


def new_message_key(center: Center, *, revoke: bool) -> Signer:
    """Renew the identity at once; answers what signs with the old key, as a thief would."""
    suite = center.suite
    identity = center.identity
    descriptor = identity.descriptor
    (old,) = descriptor.keys_for(Purpose.MESSAGE, suite.suite_id)
    private = suite.new_private(center.random.bytes)
    public = suite.public_signing(private)
    new = PublicKey(suite.suite_id, Purpose.MESSAGE, public, center.clock.now_ms(), FOREVER_MS)
    gone = (Revocation(old.id, center.clock.now_ms(), "stolen"),) if revoke else ()
    following = follow(descriptor, keys=(*descriptor.keys, new), revoked=gone)
    secrets = center.secrets[suite.suite_id]
    signers = {
        key.id: suite.signer(secrets.private[key.purpose])
        for key in descriptor.keys
        if key.suite == suite.suite_id and key.purpose is not Purpose.SEALING
    }
    faces = {
        each: face_of(following, center.secrets[each])
        for each in identity.suites
        if each != suite.suite_id
    }
    faces[suite.suite_id] = Face(suite, following, {**signers, new.id: suite.signer(private)}, {})
    chain = (*identity.chain, signed(following, center.secrets))
    identity.renew(chain, following, faces)
    return signers[old.id]


async def told(center: Center, peer: Center) -> None:
    """Let the peer take what is new."""
    await center.outbox.greet(CenterId(peer.id))
    assert peer.keyring.peers[center.id] == center.identity.descriptor
