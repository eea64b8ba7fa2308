from pathlib import Path

import pytest
from pydantic import SecretStr

from converto.auth.sign_in.interface import Registration
from converto.commands.people import create, disable, enable
from converto.kernel.config import Settings

AINO = Registration(email="aino@example.fi", password=SecretStr("kolme vihreää tuolia 81"), full_name="Aino Niemi", company_name="Lumo Oy")


def test_an_account_is_closed_and_opened_again(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(data_dir=data_dir)
    assert create(settings, AINO) == 0
    capsys.readouterr()

    codes = [disable(settings, AINO.email), enable(settings, AINO.email), disable(settings, "nobody@example.fi")]

    printed = capsys.readouterr()
    assert codes == [0, 0, 1]
    assert [line for line in printed.out.splitlines() if "event=" not in line] == ["disabled; sessions ended: 0", "enabled"]
    assert "Nobody is known by nobody@example.fi" in printed.err
