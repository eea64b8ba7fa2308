import pytest
from pydantic import SecretStr

from converto.commands.service_tokens import show
from converto.kernel import service_token
from converto.kernel.clock import now
from converto.kernel.config import CannotStart, Settings

SECRETS = (SecretStr("a secret of the tests, long enough"),)


def test_a_token_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    show(Settings(rpc_secrets=SECRETS), "reporting", days=1)

    (token,) = capsys.readouterr().out.splitlines()
    assert "events:service" in service_token.actor(SECRETS, token, at=now()).scopes


def test_without_a_secret_it_says_what_to_set() -> None:
    with pytest.raises(CannotStart, match="CONVERTO_RPC_SECRETS"):
        show(Settings(), "reporting", days=1)
