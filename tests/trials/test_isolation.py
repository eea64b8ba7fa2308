"""The whole matrix of isolation: every route, way and role, with and without the wall of PostgreSQL."""

from pathlib import Path

import pytest

from converto.auth.roles import Role
from tests.isolation.leaky import LEAKS
from tests.isolation.leaky import module as leaky
from tests.isolation.matrix import Matrix
from tests.isolation.town import town

pytestmark = pytest.mark.trials
FORGETS_THE_TENANT_ALONE = "GET /leaky/scans"
"""The planted leak that says for whom it asks: what its query forgets, PostgreSQL does not."""


async def test_no_role_is_told_or_changes_what_is_another_companys(data_dir: Path, database_url: str | None) -> None:
    async with town(data_dir, database_url, [leaky]) as opened:
        report = await Matrix(opened, roles=tuple(Role), thorough=True).run()
    print(f"\n{report}")
    assert report.leaking() == LEAKS - ({FORGETS_THE_TENANT_ALONE} if database_url else set())
    assert report.covered >= 0.95
