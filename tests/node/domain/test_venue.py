"""Seats: what a catalogue may hold, and which seats a request gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.refusal import Inadmissible
from node.domain.venue import (
    MAX_SEATS,
    OVERNIGHT,
    Requirement,
    Room,
    Seat,
    SeatKind,
    Venue,
    capability,
    choose_seats,
    suits,
)

NONE: frozenset[str] = frozenset()


def room(name: str, count: int, *equipment: str, kind: SeatKind = SeatKind.WORKSTATION) -> Room:
    seats = tuple(Seat(f"{name}-{i}", kind) for i in range(count))
    return Room(name, f"评标室{name}", seats, frozenset(equipment))


def test_the_smallest_room_that_fits_is_taken() -> None:
    venue = Venue("v", "中心", (room("big", 9), room("mid", 5), room("low", 2)))
    assert choose_seats([venue], Requirement(4), set()) == ("mid-0", "mid-1", "mid-2", "mid-3")


def test_taken_seats_are_never_chosen() -> None:
    venue = Venue("v", "中心", (room("a", 3),))
    assert choose_seats([venue], Requirement(2), {"a-0"}) == ("a-1", "a-2")
    assert choose_seats([venue], Requirement(2), {"a-0", "a-2"}) is None


def test_rooms_are_joined_only_when_none_is_big_enough_and_then_few() -> None:
    venue = Venue("v", "中心", (room("a", 1), room("b", 3), room("c", 2)))
    assert choose_seats([venue], Requirement(4), set()) == ("b-0", "b-1", "b-2", "c-0")


def test_one_committee_never_sits_in_two_buildings() -> None:
    venues = [Venue("v", "东楼", (room("a", 3),)), Venue("w", "西楼", (room("b", 3),))]
    assert choose_seats(venues, Requirement(4), set()) is None
    assert choose_seats(venues, Requirement(3), {"a-0"}) == ("b-0", "b-1", "b-2")


def test_equipment_may_come_from_seat_room_or_venue() -> None:
    seat = Seat("s", equipment=frozenset({"camera"}))
    place = Room("r", "室", (seat,), frozenset({"desktop_feed"}))
    venue = Venue("v", "楼", (place,), frozenset({"face_check", OVERNIGHT}))
    wanted = frozenset({"camera", "desktop_feed", "face_check"})
    assert suits(venue, place, seat, Requirement(1, equipment=wanted, overnight=True))
    assert not suits(venue, place, seat, Requirement(1, equipment=wanted | {"av"}))


def test_kind_and_overnight_are_asked_for_or_left_open() -> None:
    venue = Venue(
        "v", "楼", (room("a", 2), room("b", 2, OVERNIGHT, kind=SeatKind.BOOTH), room("c", 2))
    )
    assert choose_seats([venue], Requirement(2, SeatKind.BOOTH), set()) == ("b-0", "b-1")
    assert choose_seats([venue], Requirement(1, overnight=True), set()) == ("b-0",)
    assert choose_seats([venue], Requirement(2), set()) == ("a-0", "a-1")
    assert choose_seats([venue], Requirement(2, SeatKind.BOOTH), {"b-1"}) is None


@given(st.data())
def test_the_choice_is_exact_and_does_not_depend_on_the_listing(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=4))
    rooms = [room(f"r{i}", size) for i, size in enumerate(sizes)]
    everything = [seat.id for one in rooms for seat in one.seats]
    taken = data.draw(st.sets(st.sampled_from(everything))) if everything else set()
    count = data.draw(st.integers(1, 8))
    chosen = choose_seats([Venue("v", "楼", tuple(rooms))], Requirement(count), taken)
    shuffled = [
        Room(one.id, one.name, tuple(data.draw(st.permutations(one.seats))))
        for one in data.draw(st.permutations(rooms))
    ]
    assert choose_seats([Venue("v", "楼", tuple(shuffled))], Requirement(count), taken) == chosen
    free = set(everything) - taken
    if chosen is None:
        assert len(free) < count
    else:
        assert len(chosen) == len(set(chosen)) == count
        assert set(chosen) <= free
        one_room = any(len({s.id for s in one.seats} - taken) >= count for one in rooms)
        assert one_room == (len({seat.split("-")[0] for seat in chosen}) == 1)


@pytest.mark.parametrize("count", [0, -1, MAX_SEATS + 1])
def test_an_impossible_number_of_seats_is_refused(count: int) -> None:
    with pytest.raises(Inadmissible, match="席位数"):
        Requirement(count)


def test_capability_words_are_small_letters() -> None:
    assert capability(" Desktop_Feed ") == "desktop_feed"
    for text in ("", "摄像头", "4k", "a" * 33, "a b"):
        with pytest.raises(Inadmissible, match="设备名"):
            capability(text)
    with pytest.raises(Inadmissible, match="小写"):
        Requirement(1, equipment=frozenset({"Camera"}))


def test_overnight_is_no_property_of_a_seat() -> None:
    with pytest.raises(Inadmissible, match="隔夜"):
        Seat("s", equipment=frozenset({OVERNIGHT}))


@pytest.mark.parametrize("text", ["", " a", "a" * 65, "a\tb"])
def test_bad_ids_are_refused(text: str) -> None:
    with pytest.raises(Inadmissible, match="编号"):
        Seat(text)


@pytest.mark.parametrize("text", ["", "  ", "楼" * 129, "a\nb"])
def test_bad_names_are_refused(text: str) -> None:
    with pytest.raises(Inadmissible, match="名称"):
        Room("r", text)
    with pytest.raises(Inadmissible, match="名称"):
        Venue("v", text)


def test_ids_are_unique_within_a_venue() -> None:
    with pytest.raises(Inadmissible, match="s1"):
        Room("r", "室", (Seat("s1"), Seat("s1")))
    with pytest.raises(Inadmissible, match="重复:r"):
        Venue("v", "楼", (Room("r", "一室"), Room("r", "二室")))
    with pytest.raises(Inadmissible, match="s1"):
        Venue("v", "楼", (Room("a", "一室", (Seat("s1"),)), Room("b", "二室", (Seat("s1"),))))
