"""Sections of the configuration about experts: their pool, what they are told, who checks it.

They are apart from ``node.config``, which puts all sections together and reads the file.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from federation.trust.suite import GM_1, INTL_1
from node.config_values import RawKey, RawSigningKey, Sm2Key
from node.domain.absence import Cap
from node.domain.calling import CallingHours
from node.domain.epochs import EpochRule
from node.domain.invitation_text import CALL, CONFIRMED, DECLINED, NOT_REACHED, Texts
from node.domain.statistics import Thresholds

MAX_POOL_HOURS: Final = 24 * 366  # a snapshot older than a year is no register of experts
MAX_DRAWS: Final = 1_000  # more evaluations than anybody has time for
MAX_DRAW_DAYS: Final = 366 * 3  # as long as an agreement may count
MAX_CUT_OFF_MINUTES: Final = 24 * 60  # earlier than a day before, replacement must be possible

Percent = Annotated[int, Field(ge=0, le=100)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Section(BaseModel):
    """What all sections have in common: frozen, and nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pool(Section):
    """The expert pool that we announce: by itself, a new epoch every so many hours.

    ``epoch_hours`` is how long draws may be opened on an epoch; ``announce_every_hours`` 0 is for
    those who announce by hand. One expert is drawn ``max_draws_per_expert`` times at most within
    ``draw_period_days``, 0 for no cap of our own; agreements may have theirs.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "experts"
    announce_every_hours: Annotated[int, Field(ge=0, le=MAX_POOL_HOURS)] = 24
    announce_at: TimeOfDay = "06:00"
    epoch_hours: Annotated[int, Field(ge=1, le=MAX_POOL_HOURS)] = 48
    max_draws_per_expert: Annotated[int, Field(ge=0, le=MAX_DRAWS)] = 0
    draw_period_days: Annotated[int, Field(ge=0, le=MAX_DRAW_DAYS)] = 0
    small_stratum: Annotated[int, Field(ge=0, le=MAX_DRAWS)] = 20
    alert_decline_percent: Percent = 50
    alert_no_answer_percent: Percent = 50
    alert_gone_percent: Percent = 30
    alert_at_least: Annotated[int, Field(ge=1, le=MAX_DRAWS)] = 10
    repeat_pair_times: Annotated[int, Field(ge=2, le=MAX_DRAWS)] = 2
    repeat_pair_days: Annotated[int, Field(ge=1, le=MAX_DRAW_DAYS)] = 90
    regulator_key: RawKey | None = None
    regulator_key_gm: Sm2Key | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.epoch_hours < self.announce_every_hours:
            raise ValueError(
                "pool.epoch_hours 不得小于 announce_every_hours,否则会有无有效专家库的时段"
                " · epoch_hours must not be less than announce_every_hours, or there are hours"
                " without a valid pool"
            )
        if (self.max_draws_per_expert > 0) != (self.draw_period_days > 0):
            raise ValueError(
                "max_draws_per_expert 与 draw_period_days 须同时配置"
                " · max_draws_per_expert and draw_period_days come together or not at all"
            )
        return self

    @property
    def rule(self) -> EpochRule:
        """When epochs begin."""
        return EpochRule(
            self.name, self.announce_every_hours, minute_of(self.announce_at), self.epoch_hours
        )

    @property
    def thresholds(self) -> Thresholds:
        """When people are told of figures."""
        return Thresholds(
            decline_percent=self.alert_decline_percent,
            no_answer_percent=self.alert_no_answer_percent,
            gone_percent=self.alert_gone_percent,
            at_least=self.alert_at_least,
            pair_times=self.repeat_pair_times,
            pair_days=self.repeat_pair_days,
        )

    @property
    def own_cap(self) -> Cap | None:
        """Our own cap on draws of one expert."""
        if not self.draw_period_days:
            return None
        return Cap(self.max_draws_per_expert, self.draw_period_days)

    @property
    def regulator_keys(self) -> Mapping[str, bytes]:
        """The raw keys by suite."""
        return by_suite(self.regulator_key, self.regulator_key_gm)


class Invitations(Section):
    """What invited experts are told, and when nobody is called.

    No draw from our pool begins from ``no_calls_from`` to ``no_calls_until``, Beijing time; the
    same time twice is for always. ``last_call_minutes`` before an evaluation nobody is called any
    more. ``check_in_code`` asks experts for the code of their message beside the identity card.
    """

    call: str = CALL
    confirmed: str = CONFIRMED
    declined: str = DECLINED
    not_reached: str = NOT_REACHED
    no_calls_from: TimeOfDay = "21:30"
    no_calls_until: TimeOfDay = "07:30"
    last_call_minutes: Annotated[int, Field(ge=0, le=MAX_CUT_OFF_MINUTES)] = 0
    check_in_code: bool = False

    @model_validator(mode="after")
    def _speaks_of_no_project(self) -> Self:
        _ = self.texts  # Inadmissible is a ValueError, which says what is wrong
        return self

    @property
    def texts(self) -> Texts:
        """What is said."""
        return Texts(self.call, self.confirmed, self.declined, self.not_reached)

    @property
    def hours(self) -> CallingHours:
        """When nobody is called."""
        return CallingHours(
            minute_of(self.no_calls_from), minute_of(self.no_calls_until), self.last_call_minutes
        )


class Regulator(Section):
    """What a regulator's node checks by itself.

    ``call_back_percent`` of a hundred invitations of its centers are called back, 0 for none.
    ``gateway_keys`` are the signing keys of the telephone gateways in its own register: where any
    is given, records signed with others do not count, whatever a center has announced.
    """

    call_back_percent: Percent = 10
    gateway_keys: tuple[RawSigningKey, ...] = ()
    gateway_keys_gm: tuple[Sm2Key, ...] = ()

    @property
    def registered(self) -> Mapping[str, frozenset[bytes]]:
        """The raw keys by suite; none of a suite: there is no register for it."""
        given = {INTL_1.suite_id: self.gateway_keys, GM_1.suite_id: self.gateway_keys_gm}
        return {
            suite: frozenset(map(base64.b64decode, keys)) for suite, keys in given.items() if keys
        }


def minute_of(time: str) -> int:
    """Minutes from midnight of ``HH:MM``."""
    hour, minute = map(int, time.split(":"))
    return hour * 60 + minute


def by_suite(intl: str | None, gm: str | None) -> Mapping[str, bytes]:
    """Keys that were checked when the configuration was read."""
    found = {INTL_1.suite_id: intl, GM_1.suite_id: gm}
    return {suite: base64.b64decode(key) for suite, key in found.items() if key is not None}
