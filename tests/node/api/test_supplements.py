"""The routes by which the staff fill the seats of a short list; the whole way is end to end."""

from pathlib import Path

from tests.node.api.test_app import assembled, client, error, person

PATH = f"/api/projects/{'ab' * 16}/supplement"
SLOT = {"specialty": "A0802", "count": 1}
BODY = {"draw": "cd" * 16, "experts": [SLOT]}


async def test_of_a_project_that_is_not_there_nothing_is_short(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        for answer in (await http.get(PATH), await http.post(PATH, json=BODY)):
            assert (answer.status_code, error(answer)["code"]) == (404, "NOT_FOUND")
            assert error(answer)["zh"].startswith("没有这个项目")


async def test_specialties_are_the_staffs_to_choose(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        for role in ("agency", "supervisor"):
            async with client(node, await person(node, role)) as http:
                assert (await http.get(PATH)).status_code == 403
                assert (await http.post(PATH, json=BODY)).status_code == 403


async def test_more_slots_than_a_draw_has_are_malformed(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        many = {**BODY, "experts": [SLOT] * 17}
        assert (await http.post(PATH, json=many)).status_code == 422
