"""Our expert pool, committed to for an epoch and announced; and the peers' announcements.

A pool is bound before any draw knows of it: the members are snapshotted, the commitment (under
the suite of the agreement) is said to every partner, and the partner's cosignature of our log
dates it. The full opening is kept sealed to the regulator, so that stuffing, ghosts and
omissions can be found out later without anybody holding the register meanwhile
(draw-and-evidence.md §1.4).
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from federation.engine.inside import Said
from federation.errors import Conflict, Malformed, NoAgreement, TooLate
from federation.ids import CenterId
from federation.lottery.pool import PoolMember, build_pool, strata_root
from federation.lottery.pool_audit import (
    PoolOpening,
    audit_digest,
    audit_info,
    encode_opening,
)
from federation.protocol.conversation import Conversation
from federation.protocol.peering import AnnouncePool
from federation.trust.keys import Purpose
from federation.trust.suite import Suite, suite
from federation.wire.envelopes import Receipt
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.domain.absence import Cap, committed_status
from node.domain.codes import Specialty
from node.domain.small_pools import LEAST, Small
from node.domain.workday import DAY_MS
from node.services import pool_warnings
from node.services.agreements import Agreements
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.services.reasons import refusal
from node.store import absences, agreements, bookings, experts, pools, todos
from node.store.cipher import ColumnCipher
from node.store.pools import AnnouncementRow, Between, Epoch

HOUR_MS: Final = 3_600_000
MAX_VALID_HOURS: Final = 24 * 366  # a register older than a year is not the register
ROOT_CODE_CHARS: Final = 3  # a letter and a pair of digits: A08
LEVEL_CHARS: Final = 2  # each level below adds a pair
POOL_REFUSED: Final = "pool_refused"


class PoolAnnouncements:
    """Announces our pool, and keeps what peers announce.

    Args:
        cipher: For the epoch key and the members' names.
        agreements: Who our partners are.
        regulator_keys: Raw keys that full openings are sealed to, by suite, where no agreement
            names a regulator that we have joined; our own sealing key where there is none.
        small_stratum: Candidates of a specialty below which the staff is warned.
        announced: Told after each epoch: whoever looks at the figures once a day.
        gateway_keys: Raw keys that our telephone gateway signs records with, by suite: each epoch
            is announced with them, so that no other can be made up after a draw.
        own_cap: How often our own rules let one expert be drawn; the agreements' count beside it.
    """

    def __init__(
        self,
        *,
        cipher: ColumnCipher,
        agreements: Agreements,
        regulator_keys: Mapping[str, bytes] = MappingProxyType({}),
        gateway_keys: Mapping[str, bytes] = MappingProxyType({}),
        own_cap: Cap | None = None,
        small_stratum: int = LEAST,
        announced: Callable[[Desk], None] = lambda _desk: None,
    ) -> None:
        self._announced = announced
        self._small_stratum = small_stratum
        self._own_cap = own_cap
        self._cipher = cipher
        self._agreements = agreements
        self._regulator_keys = regulator_keys
        self._gateway_keys = gateway_keys
        agreements.when_active(self.introduce)

    def announce(self, desk: Desk, pool: str, epoch: str, valid_hours: int) -> Mapping[str, bytes]:
        """Commit to the register as it is now, and tell every partner under its suite.

        Takes seconds for the largest registers; nothing else is written meanwhile.

        Args:
            desk: The floor.
            pool: The pool's name.
            epoch: The epoch's name, new for this pool.
            valid_hours: From now on.

        Returns:
            The pool's roots by suite, 32 bytes each: one for every suite of an agreement in
            force or with work under way, or for the suite that we prefer while there is none.

        Raises:
            Conflicting: The epoch was committed to before, or the register is empty.
            Invalid: A name or a duration that no peer would take.
        """
        connection = desk.ledger.connection
        if not 1 <= valid_hours <= MAX_VALID_HOURS:
            raise Invalid(
                f"有效期应为1至{MAX_VALID_HOURS}小时", f"valid for 1 to {MAX_VALID_HOURS} hours"
            )
        if pools.has_epoch(connection, pool, epoch):
            raise Conflicting(
                f"专家库{pool}的{epoch}期已经公布,期内不得更改,请另起新的期号",
                f"epoch {epoch} of pool {pool} was committed to and cannot change; name a new one",
            )
        members = self._members(desk)
        if not members:
            raise Conflicting("专家库为空,请先导入专家", "the register is empty; import experts")
        pools.add_members(connection, self._cipher, pool, epoch, members)
        until_ms = desk.now_ms + valid_hours * HOUR_MS
        spoken = self._spoken(desk)
        words = {
            suite_id: self._commit(desk, suite(suite_id), pool, epoch, members, until_ms)
            for suite_id in sorted({each for _, each in spoken} or desk.identity.suites[:1])
        }
        for peer, suite_id in spoken:
            desk.open(peer, None, words[suite_id], suite_id=suite_id)
        pool_warnings.tell_epoch(desk, pool, pool_warnings.in_epoch(members, self._small_stratum))
        self._announced(desk)
        return {suite_id: word.root for suite_id, word in words.items()}

    def small(self, desk: Desk, pool: str, epoch: str) -> tuple[Small, ...]:
        """The small strata of one of our epochs."""
        members = pools.members(desk.ledger.connection, self._cipher, pool, epoch)
        return pool_warnings.in_epoch(members, self._small_stratum)

    def _members(self, desk: Desk) -> tuple[PoolMember, ...]:
        """The register as it is now, each expert with the status that is committed to."""
        connection, now_ms = desk.ledger.connection, desk.now_ms
        caps = self._caps(desk)
        longest = max((cap.days for cap in caps), default=0)
        away = absences.standing(connection, now_ms)
        drawn = absences.accepted(connection, now_ms - longest * DAY_MS) if caps else {}
        return tuple(
            PoolMember(
                expert.uid,
                expert.name,
                expert.employer_uscc,
                strata_of(expert.specialties),
                committed_status(
                    expert.status, away.get(expert.uid, ()), drawn.get(expert.uid, ()), caps, now_ms
                ),
            )
            for expert in experts.all(connection, self._cipher)
        )

    def _caps(self, desk: Desk) -> tuple[Cap, ...]:
        """All caps that hold. One epoch is for all partners, so each agreement's cap counts."""
        agreed = [
            self._agreements.in_force(desk, peer)[1] for peer in self._agreements.partners(desk)
        ]
        found = {Cap(terms.max_draws_per_expert, terms.draw_period_days) for terms in agreed}
        if self._own_cap is not None:
            found.add(self._own_cap)
        return tuple(sorted((cap for cap in found if cap.draws), key=lambda cap: cap.days))

    def introduce(self, desk: Desk, peer: CenterId) -> None:
        """Tell a peer of our valid pools that it has not been told of: a new partner.

        What was not committed to under the suite of its agreement is now, from the snapshot.
        """
        connection = desk.ledger.connection
        if peer not in self._agreements.partners(desk):
            return  # signed, but not in force yet: the next epoch will be announced to it
        chosen = suite(self._spoken_with(desk, peer))
        between = Between(desk.identity.center, peer, chosen.suite_id)
        for words in pools.own(connection, desk.now_ms):
            one = next(iter(words.values()))
            if pools.announcement(connection, between, one.pool, one.epoch) is not None:
                continue
            word = words.get(chosen.suite_id)
            if word is None:
                members = pools.members(connection, self._cipher, one.pool, one.epoch)
                word = self._commit(desk, chosen, one.pool, one.epoch, members, one.valid_until_ms)
            desk.open(peer, None, word, suite_id=chosen.suite_id)

    def _spoken(self, desk: Desk) -> list[tuple[CenterId, str]]:
        """Partners and suites that our pools are announced to and under.

        Work that was begun draws under the suite that it was begun under, whatever became of
        its agreement since (``draw-and-evidence.md`` §4, rule 5).
        """
        partners = self._agreements.partners(desk)
        found = {(peer, self._spoken_with(desk, peer)) for peer in partners}
        for peer, agreement in bookings.at_work(desk.ledger.connection, desk.now_ms):
            terms = desk.ledger.agreement(agreement)
            if terms is not None:
                found.add((peer, terms.suite))
        return sorted(found)

    def _spoken_with(self, desk: Desk, peer: CenterId) -> str:
        """The suite of the agreement in force with a partner."""
        _, terms = self._agreements.in_force(desk, peer)
        return terms.suite

    def _commit(
        self,
        desk: Desk,
        chosen: Suite,
        pool: str,
        epoch: str,
        members: tuple[PoolMember, ...],
        until_ms: int,
    ) -> AnnouncePool:
        """Commit to a snapshot under a suite, with a key of its own. Raises Invalid."""
        key = desk.new_secret()
        built = build_pool(chosen, key, pool, epoch, members)
        to = (
            _agreed_key(desk, chosen)
            or self._regulator_keys.get(chosen.suite_id)
            or _own_key(desk, chosen)
        )
        opening = PoolOpening(chosen.suite_id, pool, epoch, key, members)
        sealed = chosen.seal(to, audit_info(chosen, pool, epoch), encode_opening(opening))
        word = AnnouncePool(
            pool=pool,
            epoch=epoch,
            strata=built.strata,
            root=built.root,
            audit_digest=audit_digest(chosen, sealed),
            valid_from_ms=desk.now_ms,
            valid_until_ms=until_ms,
            gateway_key=self._gateway_keys.get(chosen.suite_id, b""),
        )
        try:
            decode_word(PAYLOAD_TYPES[AnnouncePool], encode_word(word))
        except Malformed as error:
            raise Invalid(
                "专家库名称、期号或专业数量不符合协议格式",
                f"no peer would take this announcement: {error.detail}",
            ) from error
        kept = Epoch(chosen.suite_id, key, word, sealed, desk.now_ms)
        pools.add_epoch(desk.ledger.connection, self._cipher, kept)
        return word

    def admit(self, desk: Desk, conversation: Conversation, word: AnnouncePool) -> None:
        """Refuse what no draw could be checked against."""
        connection, peer = desk.ledger.connection, conversation.peer
        if peer not in {partner for partner, _ in self._spoken(desk)}:
            raise NoAgreement(
                "pools are announced to partners with an agreement in force, or work under way"
            )
        if any(left.specialty >= right.specialty for left, right in pairwise(word.strata)) or any(
            stratum.size < 1 for stratum in word.strata
        ):
            raise Malformed("strata must be in ascending order of specialty, none empty or twice")
        if strata_root(suite(conversation.suite), word.strata) != word.root:
            raise Malformed("the root is not over these strata")
        if word.valid_from_ms >= word.valid_until_ms:
            raise Malformed("the epoch ends before it begins")
        if word.valid_until_ms <= desk.now_ms:
            raise TooLate("the epoch is over", clause="valid_until_ms")
        between = Between(peer, desk.identity.center, conversation.suite)
        if pools.announcement(connection, between, word.pool, word.epoch) is not None:
            raise Conflict("this epoch was announced before, and a pool does not change within it")

    def said(self, desk: Desk, spoken: Said, word: AnnouncePool) -> None:
        """Keep what we announced."""
        self._keep(desk, spoken, word, desk.identity.center, spoken.conversation.peer)

    def heard(self, desk: Desk, spoken: Said, word: AnnouncePool) -> None:
        """Keep what a peer announced."""
        self._keep(desk, spoken, word, spoken.conversation.peer, desk.identity.center)

    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """A peer did not take our pool: no draw with it can use this epoch."""
        connection = desk.ledger.connection
        pools.remove(connection, conversation.id)
        zh, en = refusal(receipt)
        todos.add(
            connection,
            role="operator",
            kind=POOL_REFUSED,
            subject=conversation.id,
            zh=f"{conversation.peer}未接受本中心的专家库承诺:{zh},处理后请公布新一期",
            en=f"{conversation.peer} did not take our pool ({en}); "
            "see to it and announce a new epoch",
            now_ms=desk.now_ms,
        )

    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """From here on our announcements to this peer are dated by its cosignature."""
        pools.set_cosigned(
            desk.ledger.connection,
            owner=desk.identity.center,
            peer=peer,
            suite_id=suite_id,
            size=size,
            now_ms=desk.now_ms,
        )

    def _keep(self, desk: Desk, spoken: Said, word: AnnouncePool, owner: str, peer: str) -> None:
        pools.add(
            desk.ledger.connection,
            AnnouncementRow(
                conversation=spoken.conversation.id,
                suite=spoken.conversation.suite,
                owner=owner,
                peer=peer,
                announced=word,
                # The word's entry is the last one.
                log_index=desk.ledger.log_head(spoken.conversation.suite)[0] - 1,
                at_ms=desk.now_ms,
                cosigned_at_ms=None,
            ),
        )


def strata_of(held: Iterable[Specialty]) -> tuple[str, ...]:
    """All strata that an expert stands in: of each specialty held, and of those above it.

    Who holds A080101 may be drawn where A0801 or A08 is asked for (``codes.qualifies``), so
    there is an entry for each; the link attribute keeps one person from two seats.
    """
    return tuple(
        sorted(
            {
                code[:length]
                for code in held
                for length in range(ROOT_CODE_CHARS, len(code) + 1, LEVEL_CHARS)
            }
        )
    )


def _agreed_key(desk: Desk, chosen: Suite) -> bytes | None:
    """The sealing key of the regulator that an agreement of the suite names, if it is a peer.

    One opening is sealed for all partners of a suite; of several regulators the one with the
    lowest center id counts, which nobody chooses.
    """
    named = sorted(
        row.terms.regulator
        for row in agreements.active(desk.ledger.connection)
        if row.terms.suite == chosen.suite_id and row.terms.regulator in desk.keyring.peers
    )
    for center in named:
        descriptor = desk.keyring.peers[CenterId(center)]
        key = descriptor.key_for(Purpose.SEALING, chosen.suite_id, desk.now_ms)
        if key is not None:
            return key.key
    return None


def _own_key(desk: Desk, chosen: Suite) -> bytes:
    key = desk.identity.descriptor.key_for(Purpose.SEALING, chosen.suite_id, desk.now_ms)
    assert key is not None, "check_descriptor sees to a sealing key of each suite"
    return key.key
