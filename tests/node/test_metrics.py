"""What Prometheus sees: bounded labels, counted figures, nothing personal."""

from prometheus_client.parser import text_string_to_metric_families

from federation.ids import CenterId
from federation.trust.keyring import Keyring
from federation.wire.envelopes import Outcome, Receipt
from node.metrics import OTHER, Metrics
from node.store import figures
from node.store.figures import Figures
from tests.support.pair import NOON, two_centers

EMPTY = Figures({}, {}, {}, {}, {})
STRANGER = CenterId("lp1" + "a" * 32)


def samples(metrics: Metrics, counted: Figures = EMPTY) -> dict[tuple[str, str], float]:
    page = metrics.page(counted, NOON).decode()
    return {
        (sample.name, ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_a_stranger_never_becomes_a_label() -> None:
    metrics = Metrics(Keyring(), "1")
    metrics.heard(STRANGER, "application/whatever", Receipt(Outcome.REFUSED, reason="MALFORMED"))
    found = samples(metrics)
    assert found["lianping_refusals_total", f"peer={OTHER},reason=MALFORMED"] == 1
    assert not any(STRANGER in labels for _, labels in found)


async def test_a_waiting_word_shows_its_age_and_a_receipt_clears_it() -> None:
    async with two_centers() as pair:
        await pair.agree()
        metrics = Metrics(pair.host.keyring, "1")
        idle = samples(
            metrics, await pair.host.database.read(lambda found: figures.count(found, NOON))
        )
        assert idle["lianping_outbox_depth", f"peer={pair.sub.id}"] == 0
        assert idle["lianping_outbox_oldest_age_seconds", f"peer={pair.sub.id}"] == 0
        counted = Figures(
            {pair.sub.id: (3, NOON - 60_000)},
            {"intl-1": 7},
            {(pair.sub.id, "intl-1"): 5},
            {"HELD": 1},
            {},
        )
        busy = samples(metrics, counted)
        assert busy["lianping_outbox_depth", f"peer={pair.sub.id}"] == 3
        assert busy["lianping_outbox_oldest_age_seconds", f"peer={pair.sub.id}"] == 60
        assert busy["lianping_log_size", "suite=intl-1"] == 7
        assert busy["lianping_log_cosigned_size", f"peer={pair.sub.id},suite=intl-1"] == 5
        assert busy["lianping_bookings", "state=HELD"] == 1
        assert ("lianping_bookings", "state=HELD") not in samples(metrics)


def test_two_nodes_fit_one_process() -> None:
    one, two = Metrics(Keyring(), "1"), Metrics(Keyring(), "2")
    one.turned_away("bad_signature")
    assert samples(one)["lianping_unauthenticated_total", "cause=bad_signature"] == 1
    assert ("lianping_unauthenticated_total", "cause=bad_signature") not in samples(two)


def test_overdue_todos_are_counted_by_kind_and_unknown_kinds_are_one() -> None:
    metrics = Metrics(Keyring(), "1")
    overdue = {"vote_booking": 2, "from the future": 1, "from the past": 1}
    found = samples(metrics, Figures({}, {}, {}, {}, {}, overdue=overdue))
    assert found["lianping_todos_overdue", "kind=vote_booking"] == 2
    assert found["lianping_todos_overdue", f"kind={OTHER}"] == 2
    assert ("lianping_todos_overdue", "kind=vote_booking") not in samples(metrics)


def test_a_year_nobody_imported_is_counted_before_it_begins() -> None:
    metrics = Metrics(Keyring(), "1")
    assert samples(metrics)["lianping_holidays_unknown_years", ""] == 1
    known = Figures({}, {}, {}, {}, {}, years=frozenset({2026}))
    assert samples(metrics, known)["lianping_holidays_unknown_years", ""] == 0


async def test_the_write_probe_leaves_nothing_behind() -> None:
    async with two_centers() as pair:
        await pair.host.database.transact(figures.write_probe)
        assert await pair.host.sql("SELECT * FROM login") == []
