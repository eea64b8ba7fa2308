"""Every route, asked for what is another company's."""

from pathlib import Path

import pytest

from converto.auth.roles import Role
from tests.isolation.leaky import LEAKS
from tests.isolation.leaky import module as leaky
from tests.isolation.matrix import Matrix, Report
from tests.isolation.town import town


async def matrix(folder: Path, database_url: str | None, *, thorough: bool = False) -> Report:
    async with town(folder, database_url, [leaky]) as opened:
        return await Matrix(opened, roles=tuple(Role) if thorough else (Role.OWNER,), thorough=thorough).run()


@pytest.mark.timeout(900)
async def test_no_route_tells_or_changes_what_is_another_companys_and_a_planted_leak_is_found(data_dir: Path) -> None:
    report = await matrix(data_dir, None)  # where no wall hides what a query forgets
    print(report)  # noqa: T201 - the share, and what was left out
    assert report.leaking() == LEAKS
    assert report.covered >= 0.95
