import asyncio
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from converto.auth.audit.models import AuditRow
from converto.auth.sign_in.interface import Registration
from converto.commands import keys, people
from converto.commands.audit import verify_logs
from converto.commands.keeper import keeper
from converto.kernel.config import CannotStart, Environment, Settings
from tests.databases import lay_files


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of an installation where somebody has an account."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), environment=Environment.TEST)
    registration = Registration(
        email="aino@example.fi", password=SecretStr("kolme vihreää tuolia 81"), full_name="Aino Niemi", company_name="Lumo Oy"
    )
    lay_files(settings)
    assert people.create(settings, registration) == 0
    return settings


def test_the_next_key_signs_after_a_rotation_and_the_former_is_still_known(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    keys.show(settings)
    before = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines() if line.startswith(("signs", "next")))

    assert keys.rotate(settings) == 0

    after = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines() if line.startswith(("signs", "next", "previous")))
    assert (after["signs"], after["previous"]) == (before["next"], before["signs"])
    assert keys.rotate(settings) == 1
    assert "not every process knows" in capsys.readouterr().err


def test_whole_logs_are_said_to_be_whole_and_a_changed_entry_ends_with_1(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_logs(settings, None) == 0
    _, company, *rest = capsys.readouterr().out.splitlines()[0].split()
    assert rest[0] == "2"

    async def tamper() -> None:
        async with keeper(settings) as own, own.database.across_tenants.writing() as session:
            await session.execute(update(AuditRow).where(AuditRow.number == 2).values(target="x"))

    asyncio.run(tamper())

    assert verify_logs(settings, UUID(company)) == 1
    assert f"BROKEN  {company}  entry 2 was changed" in capsys.readouterr().err


def test_a_database_that_is_behind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="converto migrate"):
        verify_logs(Settings(data_dir=tmp_path, environment=Environment.TEST), None)
