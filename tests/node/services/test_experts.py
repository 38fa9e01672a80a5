"""The expert register: whole or not at all, one entry for one person, nothing in clear."""

from dataclasses import replace

import pytest

from node.domain.expert import ExpertStatus
from node.services.errors import Invalid, NotFound
from node.services.experts import Experts
from node.services.house import Desk
from node.store import experts as store
from tests.support.pair import two_centers
from tests.support.planning import register


async def test_what_was_imported_is_read_back_whole() -> None:
    async with two_centers() as pair:
        experts, rows = Experts(pair.sub.cipher), register(12)
        assert await pair.sub.do(lambda desk: experts.import_experts(desk, rows)) == 12
        assert await pair.sub.do(experts.all) == sorted(rows, key=lambda row: row.uid)
        assert await pair.sub.do(lambda desk: experts.get(desk, rows[3].uid)) == rows[3]
        assert await pair.sub.do(lambda desk: store.count(desk.ledger.connection)) == 12


async def test_an_expert_is_found_by_identity_number() -> None:
    async with two_centers() as pair:
        cipher, rows = pair.sub.cipher, register(5)
        await pair.sub.do(lambda desk: Experts(cipher).import_experts(desk, rows))

        def find(desk: Desk, number: str) -> object:
            return store.by_id_number(desk.ledger.connection, cipher, number)

        assert await pair.sub.do(lambda desk: find(desk, rows[2].id_number)) == rows[2]
        assert await pair.sub.do(lambda desk: find(desk, "110101190001010000")) is None


async def test_no_person_is_in_the_file_in_clear() -> None:
    async with two_centers() as pair:
        (expert,) = register(1)
        await pair.sub.do(lambda desk: Experts(pair.sub.cipher).import_experts(desk, [expert]))
        (row,) = await pair.sub.sql("SELECT * FROM expert")
        stored = b"|".join(
            value if isinstance(value, bytes) else str(value).encode() for value in row
        )
        for secret in (expert.name, expert.id_number, expert.phone):
            assert secret.encode() not in stored


async def test_a_second_import_changes_what_it_names() -> None:
    async with two_centers() as pair:
        experts, rows = Experts(pair.sub.cipher), register(3)
        changed = replace(rows[0], status=ExpertStatus.SUSPENDED, phone="13800000000")

        def both(desk: Desk) -> None:
            experts.import_experts(desk, rows)
            experts.import_experts(desk, [changed])

        await pair.sub.do(both)
        assert await pair.sub.do(experts.all) == [changed, *rows[1:]]


async def test_one_person_under_two_registry_numbers_stops_the_whole_import() -> None:
    async with two_centers() as pair:
        experts, rows = Experts(pair.sub.cipher), register(4)
        await pair.sub.do(lambda desk: experts.import_experts(desk, rows[:1]))
        twin = replace(rows[0], uid="FJ999999")
        with pytest.raises(Invalid, match="1 identity number") as caught:
            await pair.sub.do(lambda desk: experts.import_experts(desk, [*rows[1:], twin]))
        (line,) = caught.value.detail
        assert "FJ999999" in line
        assert rows[0].uid in line
        assert rows[0].id_number not in line
        assert await pair.sub.do(experts.all) == rows[:1]


async def test_a_table_that_names_a_person_twice_is_refused() -> None:
    async with two_centers() as pair:
        experts, rows = Experts(pair.sub.cipher), register(2)
        twin = replace(rows[1], id_number=rows[0].id_number)
        with pytest.raises(Invalid) as caught:
            await pair.sub.do(lambda desk: experts.import_experts(desk, [rows[0], twin]))
        assert len(caught.value.detail) == 2
        with pytest.raises(Invalid, match="no expert"):
            await pair.sub.do(lambda desk: experts.import_experts(desk, []))


async def test_an_unknown_registry_number_is_not_found() -> None:
    async with two_centers() as pair:
        with pytest.raises(NotFound):
            await pair.sub.do(lambda desk: Experts(pair.sub.cipher).get(desk, "FJ000001"))
