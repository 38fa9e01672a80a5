"""Every number of the transport, and why it is this number.

Nothing else lives here, so that an operator who asks "why was this refused" and a reviewer
who asks "what can a hostile peer cost us" read one page. What is a rule between centers
(64 envelopes, a call of 1 MiB, a skew of 120 s) lives with the protocol and is only used here.
"""

from dataclasses import dataclass
from typing import Final

from federation.trust.envelope import MAX_BATCH
from federation.wire.envelopes import MAX_CALL_BYTES


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and so many a second in the long run."""

    burst: float
    per_second: float


# Sizes

MAX_MESSAGE_BYTES: Final = MAX_CALL_BYTES + 64 * 1024
"""gRPC's own limit, both ways. A little above the protocol's 1 MiB, so that a call that is
just too large reaches the check that counts it; what is far larger never enters our memory."""
MAX_METADATA_BYTES: Final = 8 * 1024
"""We read no metadata; traces and load-balancers add some hundred bytes."""
MAX_PAGE: Final = MAX_BATCH
"""Envelopes in one page of Follow: what one signature covers."""
MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
"""A page as a whole: 64 words of 128 KiB. A peer that streams more is cut off."""

# Seconds of one call

UNARY_SECONDS: Final = 10.0
"""The deadline of our own calls: a commit takes milliseconds, a line of a county center some
seconds. The outbox tries again, so giving up costs nothing."""
FOLLOW_SECONDS: Final = 30.0
"""The deadline of a page: up to 8 MiB over a line of 4 Mbit/s."""
MAX_DEADLINE_SECONDS: Final = 60.0
"""What we let a caller ask for. A call without deadline would hold its place for ever."""
DEADLINE_SLACK_SECONDS: Final = 1.0
"""A deadline travels as a duration and is rounded up on the way."""

# Concurrency

MAX_CONCURRENT_RPCS: Final = 200
"""Of all peers together; beyond it gRPC answers RESOURCE_EXHAUSTED. About a second's work."""
MAX_CONCURRENT_RPCS_PER_PEER: Final = 64
"""So that no three peers can take all places."""
MAX_CONCURRENT_STREAMS: Final = 256
"""Per connection, above the limits that answer politely: gRPC's own way of enforcing this
one is to reset streams, which looks like an outage."""
MAX_CALLS_TO_ONE_PEER: Final = 32
"""Our own calls at the same time to one peer: half of what it lets us have."""

# Strangers

ONE_NETWORK: Final = Rate(burst=20, per_second=1.0)
"""Refusals that a network of strangers may cost us: a certificate that was replaced and a node
that was not told yet make some; whoever makes more is not read any longer."""
ALL_STRANGERS: Final = Rate(burst=200, per_second=20.0)
"""Of all networks together: below a hundredth of a processor."""
ONE_PEER: Final = Rate(burst=64, per_second=4.0)
"""Refusals that a pinned certificate may cost us: a peer with new keys that we do not know yet
fails with each call, and is read again as soon as it fails less."""
MAX_BUCKETS: Final = 4_096
"""Networks and peers that are remembered; about 1 MiB."""
MAX_CONNECTIONS: Final = 1_024
"""Open connections, strangers' handshakes among them: about 100 MiB. Peers need a few each."""

# Connections, milliseconds as gRPC wants them

HANDSHAKE_MS: Final = 5_000
"""gRPC waits 120 s by default, which lets anybody hold sockets for nothing."""
MAX_CONNECTION_IDLE_MS: Final = 300_000
"""Well above the heartbeat, so that a living peer keeps its connection."""
MAX_CONNECTION_AGE_MS: Final = 3_600_000
"""A connection is judged by the certificates pinned when it began; no older than an hour."""
MAX_CONNECTION_AGE_GRACE_MS: Final = 60_000
"""The longest deadline that a call can have."""
SERVER_KEEPALIVE_MS: Final = 60_000
"""Frees what dead clients hold."""
CLIENT_KEEPALIVE_MS: Final = 30_000
"""Notices a dead line between two heartbeats. Not below ``MIN_PING_MS`` of the other side,
which would answer ``too_many_pings``."""
KEEPALIVE_TIMEOUT_MS: Final = 10_000
"""As long as a call may take."""
MIN_PING_MS: Final = 20_000
"""Pings more often than this are an attack."""
MAX_PING_STRIKES: Final = 2
"""gRPC's default, written down."""
FIRST_RECONNECT_MS: Final = 500
"""As the outbox's first back-off."""
MAX_RECONNECT_MS: Final = 5_000
"""gRPC's default of 120 s would hide for two minutes that a peer is back."""
STOP_GRACE_SECONDS: Final = 10.0
"""As long as a call of ours may take."""

# Pumps, seconds

HEARTBEAT_SECONDS: Final = 60.0
"""Clock, reachability and witnessing are hardly older: each side greets so long after its last
greeting, give or take ``HEARTBEAT_JITTER``. So logs are cosigned when nothing is said, too."""
HEARTBEAT_JITTER: Final = 0.1
"""A part of it, up or down: nodes that started together do not call each other in step."""
FIRST_CONTACT_MAX_SECONDS: Final = 60.0
"""The longest wait between two tries to reach a peer that was never reached: no slower than
the heartbeat."""
OUTBOX_SECONDS: Final = 30.0
"""The outbox looks at least this often, should a wake-up ever be lost."""
ALARM_SECONDS: Final = 30.0
"""Alarms look at least this often: the clock may have been set."""
ERRAND_SECONDS: Final = 5.0
"""Errands may be left by any transaction, so we look often; it is one indexed read."""
LOOKS: Final = Rate(burst=64, per_second=20)
"""How often alarms or errands are looked at. In a draw each expert is called after the answer of
the one before, so that a pause before each call would be most of what the draw takes: a draw of
five takes some forty looks. Under load it is one look for many words: twenty a second cost less
than a hundredth of a processor."""
REST_SECONDS: Final = 1 / LOOKS.per_second
"""The pause before a look when there were so many: nobody notices a twentieth of a second."""
FLUSH_SECONDS: Final = 0.3
"""How long after a word we ask the peer to cosign it under load: long enough to catch its
neighbours, so that not every word costs a call."""
PROMPT_SECONDS: Final = 0.005
"""How long without load: the word's own receipt may bring the cosignature."""
FLUSHES: Final = Rate(burst=4, per_second=1 / FLUSH_SECONDS)
"""Without load the gate of a draw, whose values are revealed once the commitments are cosigned,
waits for a call and not for neighbours that do not come. A draw is opened by four words."""
CALLED_SECONDS: Final = 1.0
"""How often a peer's calls may reset the back-off of our words for it: not above its start."""
CALLING_BACK_SECONDS: Final = 2 * MAX_RECONNECT_MS / 1000
"""How long after a peer's call we greet it every ``CALLED_SECONDS`` until it answers: our channel
to it may still be in gRPC's own pause after a handshake that failed before the peer pinned us."""
PEERS_SECONDS: Final = 5.0
"""How soon a newly pinned peer gets its pumps if nobody rings."""
RESTART_SECONDS: Final = 1.0
"""The pause before a pump that failed is started again: a full disk is not worth a busy loop."""
