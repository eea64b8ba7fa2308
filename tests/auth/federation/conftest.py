from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from converto.auth.federation.interface import Landing, OidcStart, ProviderAnswer
from converto.auth.people import SignedIn
from tests.auth.conftest import CLIENT, House, opened
from tests.auth.federation.provider import CLIENT_ID, CLIENT_SECRET, Provider, providing
from tests.servers import ask

GONE = "http://127.0.0.1:1"
ALLOWED = "127.0.0.0/8"


@dataclass
class Federated:
    """Auth, and two providers that its people may sign in by."""

    house: House
    provider: Provider
    other: Provider

    async def sent(self, name: str = "test") -> OidcStart:
        """Return where somebody is sent who wants to sign in."""
        return await self.house.auth.start_oidc(name, None)

    async def back(self, start: OidcStart, name: str = "test", **otherwise: Any) -> Landing:
        """Bring somebody back who has agreed at the provider; `otherwise` is what their answer says instead."""
        provider = self.provider if name == "test" else self.other
        asked = dict(parse_qsl(urlsplit(start.authorization_url).query))
        answer = ProviderAnswer.model_validate({**provider.sent_back(asked), **otherwise})
        return await self.house.auth.finish_oidc(name, answer, browser=SecretStr(start.browser), client=CLIENT)

    async def sign_in(self, name: str = "test") -> SignedIn:
        """Sign somebody in by a provider."""
        landing = await self.back(await self.sent(name), name)
        assert landing.signed_in is not None
        return landing.signed_in


@pytest.fixture(scope="module")
async def _federated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federated]:
    remote = getattr(request, "param", "local") == "remote"
    url = ask("postgres") if remote else None
    async with AsyncExitStack() as stack:
        provider, other = await stack.enter_async_context(providing()), await stack.enter_async_context(providing())
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("CONVERTO_AUTH_OIDC_ALLOWED_NETWORKS", ALLOWED)
        for name, issuer in (("TEST", provider.issuer), ("OTHER", other.issuer), ("GONE", GONE)):
            environment.setenv(f"CONVERTO_AUTH_OIDC__{name}__ISSUER", issuer)
            environment.setenv(f"CONVERTO_AUTH_OIDC__{name}__CLIENT_ID", CLIENT_ID)
            environment.setenv(f"CONVERTO_AUTH_OIDC__{name}__CLIENT_SECRET", CLIENT_SECRET)
        house = await stack.enter_async_context(opened(tmp_path_factory.mktemp("auth"), url, remote=remote))
        yield Federated(house, provider, other)
    if url is not None:
        ask("drop", url.rpartition("/")[2])


@pytest.fixture
def federated(_federated: Federated) -> Federated:
    """Return auth and its providers, which tell the truth and know somebody new."""
    _federated.provider.reset()
    _federated.other.reset()
    return _federated


@pytest.fixture
async def plain() -> AsyncIterator[httpx2.AsyncClient]:
    """Return a browser that goes where it is sent by hand."""
    async with httpx2.AsyncClient(follow_redirects=False, trust_env=False) as client:
        yield client
