"""The route that ends a failed evaluation: for the host's staff, and only where there is one."""

from pathlib import Path
from typing import Final

import pytest

from tests.node.api.test_app import assembled, client, error, person

PATH: Final = f"/api/projects/{bytes(16).hex()}/end-failed"


@pytest.mark.parametrize(
    ("role", "status", "code"),
    [
        ("staff", 404, "NOT_FOUND"),
        ("agency", 403, "NOT_ALLOWED"),
        ("supervisor", 403, "NOT_ALLOWED"),
    ],
)
async def test_a_failed_evaluation_is_for_the_hosts_staff_to_end(
    tmp_path: Path, role: str, status: int, code: str
) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, role)) as http:
        answer = await http.post(PATH)
        assert (answer.status_code, error(answer)["code"]) == (status, code)
