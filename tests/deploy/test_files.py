"""Compose files that the engine takes, alone and with those that are laid over them."""

import pytest

from tests.deploy.engine import MICROSERVICES, PRODUCTION, SINGLE, Stack


@pytest.mark.parametrize("files", [(SINGLE,), (MICROSERVICES,), (MICROSERVICES, PRODUCTION)], ids=" ".join)
def test_compose_finds_nothing_wrong(publish: str, files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONVERTO_DATABASE_URL", "CONVERTO_EVENTS", "CONVERTO_BLOBS_URL", "CONVERTO_SECRETS"):
        monkeypatch.setenv(name, "given")

    assert Stack(*files, publish=publish).compose("--profile", "observability", "config", "--quiet") == ""
