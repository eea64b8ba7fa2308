from pathlib import Path

import pytest
from pydantic import SecretStr

from converto.gateway.seal import AnswerSeal, CannotOpen
from converto.gateway.secret import secret_of
from converto.gateway.settings import GatewaySettings
from converto.kernel.config import CannotStart, Environment, Settings

USE = (b"tenant", b"user 7", b"POST /things", b"key")
ANSWER = b"shown once"


def seal(secret: bytes = b"s" * 32, *, use: tuple[bytes, ...] = USE, payload: bytes = b"p") -> AnswerSeal:
    return AnswerSeal(secret, use=use, payload=payload)


def test_the_same_request_opens_the_answer() -> None:
    assert seal().open(seal().close(ANSWER)) == ANSWER
    assert seal().mark == seal().mark


@pytest.mark.parametrize(
    "other",
    [
        seal(b"t" * 32),
        seal(payload=b"q"),
        *(seal(use=(*USE[:place], b"other", *USE[place + 1 :])) for place in range(4)),
        seal(use=(b"tenantuser 7", b"", *USE[2:])),
    ],
    ids=["secret", "payload", "tenant", "principal", "route", "key", "parts that run together"],
)
def test_nothing_else_opens_it_or_bears_its_mark(other: AnswerSeal) -> None:
    with pytest.raises(CannotOpen):
        other.open(seal().close(ANSWER))
    assert other.mark != seal().mark


def test_an_answer_that_was_changed_is_not_opened() -> None:
    sealed = seal().close(ANSWER)
    with pytest.raises(CannotOpen):
        seal().open(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_production_insists_on_a_secret(data_dir: Path) -> None:
    production = Settings(data_dir=data_dir, environment=Environment.PRODUCTION)
    for given in (None, SecretStr("short")):
        with pytest.raises(CannotStart, match="CONVERTO_GATEWAY_SECRET_KEY"):
            secret_of(GatewaySettings().model_copy(update={"secret_key": given}), production)
    assert secret_of(GatewaySettings().model_copy(update={"secret_key": SecretStr("x" * 32)}), production) == b"x" * 32


def test_elsewhere_one_is_made_and_stays(data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir, environment=Environment.TEST)
    assert secret_of(GatewaySettings(), settings) == secret_of(GatewaySettings(), settings)
    assert (data_dir / "gateway.secret").stat().st_mode & 0o77 == 0
