"""What a node shows to Prometheus, and what it notes on the way.

Here: every metric by name, with its labels, and the listeners that engine and transport call.
Not here: the page itself (``node.probes``) and the SQL of what is counted at each scrape
(``node.store.figures``).

Labels are bounded: ``peer`` is a pinned center's id or "other", kinds and words come from the
protocol's tables, causes and reasons from constants. Nothing here is personal data.
"""

from collections import Counter as Tally
from collections.abc import Collection, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from federation.engine.acquaintance import Turn
from federation.engine.delivery import Breaker
from federation.engine.recovery import Standing
from federation.engine.sightings import Sighting
from federation.ids import CenterId
from federation.ports import SaidWord
from federation.trust.keyring import Keyring
from federation.wire.envelopes import Outcome, Receipt
from federation.wire.words import PAYLOAD_TYPES
from node.domain.holidays import HORIZON_MS, unknown_years
from node.domain.todo_rules import RULES
from node.domain.workday import WorkCalendar
from node.store.figures import Figures

OTHER: Final = "other"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BREAKERS: Final = {Breaker.CLOSED: 0, Breaker.HALF_OPEN: 1, Breaker.OPEN: 2}
_GROUPS: Final = (1, 2, 4, 8, 16, 32, 64)

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    payload_type: (word.kind.value, word.__name__) for word, payload_type in PAYLOAD_TYPES.items()
}


class Metrics:
    """All metrics of one node, in a registry of its own so that two nodes fit one process."""

    def __init__(self, keyring: Keyring, version: str) -> None:
        self._keyring = keyring
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        build = Gauge("lianping_build_info", "Constant 1.", ["version"], registry=registry)
        build.labels(version).set(1)
        self.peer_up = Gauge(
            "lianping_peer_up",
            "1 if the last heartbeat of the peer was answered.",
            ["peer"],
            registry=registry,
        )
        self.recovering = Gauge(
            "lianping_recovering",
            "1 while words that an old database lacks are being fetched back: no new work.",
            registry=registry,
        )
        self.recovery_waited = Gauge(
            "lianping_recovery_peers_waited",
            "Partners that have not given lost words back yet, those left out included.",
            registry=registry,
        )
        self.handshakes = Counter(
            "lianping_tls_handshakes",
            "Handshakes that somebody began with this node, strangers included.",
            registry=registry,
        )
        self.peer_paused = Gauge(
            "lianping_peer_paused",
            "1 if our operator has paused the peer.",
            ["peer"],
            registry=registry,
        )
        self.skew = Gauge(
            "lianping_peer_clock_skew_seconds",
            "The peer's clock minus ours.",
            ["peer"],
            registry=registry,
        )
        self.outbox_depth = Gauge(
            "lianping_outbox_depth",
            "Words that the peer has not receipted.",
            ["peer"],
            registry=registry,
        )
        self.outbox_age = Gauge(
            "lianping_outbox_oldest_age_seconds",
            "Age of the oldest such word; 0 if there is none.",
            ["peer"],
            registry=registry,
        )
        self.breakers = Gauge(
            "lianping_peer_breaker",
            "Deliveries to the peer: 0 go out, 1 one probes, 2 none before the back-off ends.",
            ["peer"],
            registry=registry,
        )
        self.words = Counter(
            "lianping_words_total",
            "Words said and heard, by outcome.",
            ["peer", "kind", "word", "direction", "outcome"],
            registry=registry,
        )
        self.refusals = Counter(
            "lianping_refusals_total",
            "Words that we refused, by reason.",
            ["peer", "reason"],
            registry=registry,
        )
        self.unauthenticated = Counter(
            "lianping_unauthenticated_total",
            "Calls that could not be tied to a known center, or were turned away.",
            ["cause"],
            registry=registry,
        )
        self.signer_up = Gauge(
            "lianping_signer_up",
            "1 if our signing keys, files or a token, could be used at this scrape.",
            registry=registry,
        )
        self.bookings = Gauge(
            "lianping_bookings", "Bookings by phase.", ["state"], registry=registry
        )
        self.draws = Gauge("lianping_draws", "Draws by phase.", ["state"], registry=registry)
        self.invitations = Gauge(
            "lianping_invitations",
            "Invitations of our own experts by how they ended.",
            ["response"],
            registry=registry,
        )
        self.call_backs = Gauge(
            "lianping_call_backs",
            "Invitations that a regulator has checked, by what was found.",
            ["outcome"],
            registry=registry,
        )
        self.call_back_faults = Gauge(
            "lianping_call_back_faults",
            "Checked invitations that wait for people: false records, experts who say otherwise.",
            registry=registry,
        )
        self.false_escrows = Gauge(
            "lianping_false_escrows",
            "As a regulator: opened escrows that held something else than was committed to.",
            registry=registry,
        )
        self.disputes = Gauge(
            "lianping_usage_disputes", "Disputes over usage not settled.", registry=registry
        )
        self.exceptions = Gauge(
            "lianping_bundles_with_exceptions",
            "Bundles that lost a sub-venue after they were confirmed.",
            registry=registry,
        )
        self.overdue = Gauge(
            "lianping_todos_overdue",
            "Open to-dos of our people that are overdue, by kind.",
            ["kind"],
            registry=registry,
        )
        self.unknown_years = Gauge(
            "lianping_holidays_unknown_years",
            "Years that deadlines will soon reach into and whose holidays were not imported.",
            registry=registry,
        )
        self.log_size = Gauge(
            "lianping_log_size",
            "Entries of the evidence log of a suite.",
            ["suite"],
            registry=registry,
        )
        self.log_cosigned = Gauge(
            "lianping_log_cosigned_size",
            "How much of our log the peer has cosigned.",
            ["peer", "suite"],
            registry=registry,
        )
        self.sightings = Counter(
            "lianping_checkpoints_seen_total",
            "Peers' checkpoints by what they turned out to be; fork is grave.",
            ["peer", "sighting"],
            registry=registry,
        )
        self.log_forks = Gauge(
            "lianping_log_forks",
            "Contradictions of a peer's log that no epoch explains and no operator settled.",
            ["peer"],
            registry=registry,
        )
        self.log_unproven = Gauge(
            "lianping_log_unproven_heads",
            "Heads of a peer's log that others hold and that it has not proven yet.",
            ["peer"],
            registry=registry,
        )
        self.log_entry_bytes = Gauge(
            "lianping_log_entry_bytes",
            "Mean bytes of the newest entries: leaf (for ever) or envelope (erasable). Times the"
            " rate of lianping_log_size, this is what the log grows by.",
            ["suite", "part"],
            registry=registry,
        )
        self.introductions = Counter(
            "lianping_descriptors_seen_total",
            "Peers' descriptors by what they turned out to be; twin is grave.",
            ["peer", "turn"],
            registry=registry,
        )
        self.key_expires = Gauge(
            "lianping_key_expires_timestamp_seconds",
            "When a center, this one or a peer, has no good key of a purpose any more.",
            ["center", "purpose", "suite"],
            registry=registry,
        )
        self.rpc_seconds = Histogram(
            "lianping_rpc_seconds",
            "Calls between centers.",
            ["direction", "method", "outcome"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.errands = Counter(
            "lianping_errands_total",
            "Errands to outside systems, by outcome.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.group_size = Histogram(
            "lianping_store_group_size",
            "Transactions that shared one commit.",
            buckets=_GROUPS,
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "lianping_store_commit_seconds",
            "Time of one group, with its commit.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.outages = Counter(
            "lianping_store_outages_total",
            "Transactions and reads that the database could not do, by cause.",
            ["cause"],
            registry=registry,
        )
        self.http_seconds = Histogram(
            "lianping_http_seconds",
            "Requests of people and systems, by route.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )

    def peer(self, center: str) -> str:
        """The label of a center: its id if it is pinned."""
        return center if center in self._keyring.peers else OTHER

    # What engine and transport tell

    def delivered(self, word: SaidWord, outcome: str) -> None:
        """The outbox got a receipt."""
        kind, name = _WORDS.get(word.payload_type, (OTHER, OTHER))
        self.words.labels(self.peer(word.peer), kind, name, "out", outcome).inc()

    def heard(self, peer: CenterId, payload_type: str, receipt: Receipt) -> None:
        """A word was answered."""
        kind, name = _WORDS.get(payload_type, (OTHER, OTHER))
        label = self.peer(peer)
        self.words.labels(label, kind, name, "in", receipt.outcome.name).inc()
        if receipt.outcome is Outcome.REFUSED:
            self.refusals.labels(label, receipt.reason).inc()

    def seen(self, peer: CenterId, sighting: Sighting) -> None:
        """A checkpoint was looked at."""
        if sighting is not Sighting.NONE:
            self.sightings.labels(self.peer(peer), sighting.value).inc()

    def introduced(self, peer: CenterId, turn: Turn) -> None:
        """A peer showed other descriptors than the pinned one."""
        self.introductions.labels(self.peer(peer), turn.value).inc()

    def greeted(self, peer: CenterId, skew_ms: int) -> None:
        """A peer's clock was compared with ours."""
        self.skew.labels(self.peer(peer)).set(skew_ms / 1000)

    def stands(self, standing: Standing) -> None:
        """How the recovery of lost words stands."""
        self.recovering.set(1 if standing.recovering else 0)
        self.recovery_waited.set(len(standing.waited) + len(standing.without))

    def up(self, peer: CenterId, is_up: bool) -> None:
        """A heartbeat was answered, or not."""
        self.peer_up.labels(self.peer(peer)).set(1 if is_up else 0)

    def breaker(self, peer: CenterId, breaker: Breaker) -> None:
        """Deliveries to a peer were stopped, are tried once more, or go on."""
        self.breakers.labels(self.peer(peer)).set(_BREAKERS[breaker])

    def signing(self, is_up: bool) -> None:
        """Our keys were asked for, and were there or not."""
        self.signer_up.set(1 if is_up else 0)

    def paused(self, centers: Collection[CenterId]) -> None:
        """Exactly these peers are paused now."""
        for center in self._keyring.peers:
            self.peer_paused.labels(self.peer(center)).set(1 if center in centers else 0)

    def turned_away(self, cause: str) -> None:
        """A call was refused without a signature."""
        self.unauthenticated.labels(cause).inc()

    def called(self, direction: str, method: str, outcome: str, seconds: float) -> None:
        """A call between centers ended."""
        self.rpc_seconds.labels(direction, method, outcome).observe(seconds)

    def committed(self, size: int, seconds: float) -> None:
        """A group of transactions was committed. Called on the event loop."""
        self.group_size.observe(size)
        self.commit_seconds.observe(seconds)

    def outage(self, cause: str) -> None:
        """The database could not do something. Called on the event loop."""
        self.outages.labels(cause).inc()

    def ran(self, kind: str, outcome: str) -> None:
        """An errand was tried."""
        self.errands.labels(kind, outcome).inc()

    def keys_end(self, ends: Mapping[str, Mapping[tuple[str, str], int]]) -> None:
        """By center, then by purpose and suite: when there is no good key any more, unix ms."""
        self.key_expires.clear()
        for center, found in ends.items():
            for (purpose, suite_id), end_ms in found.items():
                self.key_expires.labels(center, purpose, suite_id).set(end_ms / 1000)

    def page(self, figures: Figures, now_ms: int) -> bytes:
        """The metrics page, with what was just counted in the database."""
        for center in self._keyring.peers:
            depth, oldest_ms = figures.outbox.get(center, (0, now_ms))
            self.outbox_depth.labels(center).set(depth)
            self.outbox_age.labels(center).set(max(0, now_ms - oldest_ms) / 1000)
        for (peer, suite_id), size in figures.cosigned.items():
            self.log_cosigned.labels(peer, suite_id).set(size)
        for suite_id, size in figures.log_size.items():
            self.log_size.labels(suite_id).set(size)
        _replace(self.log_forks, figures.forks)
        _replace(self.log_unproven, figures.unproven)
        for (suite_id, part), mean in figures.entry_bytes.items():
            self.log_entry_bytes.labels(suite_id, part).set(mean)
        _replace(self.bookings, figures.bookings)
        _replace(self.draws, figures.draws)
        _replace(self.invitations, figures.invitations)
        _replace(self.call_backs, figures.call_backs)
        self.call_back_faults.set(figures.call_back_faults)
        self.disputes.set(figures.disputes)
        self.false_escrows.set(figures.false_escrows)
        self.exceptions.set(figures.exceptions)
        _replace(self.overdue, _bounded(figures.overdue))
        missing = unknown_years(WorkCalendar(years=figures.years), now_ms, now_ms + HORIZON_MS)
        self.unknown_years.set(len(missing))
        return generate_latest(self.registry)


def _bounded(overdue: Mapping[str, int]) -> dict[str, int]:
    """By kind; kinds that this version does not know are one."""
    found: Tally[str] = Tally()
    for kind, count in overdue.items():
        found[kind if kind in RULES else OTHER] += count
    return dict(found)


def _replace(gauge: Gauge, counts: Mapping[str, int]) -> None:
    gauge.clear()
    for state, count in counts.items():
        gauge.labels(state).set(count)
