import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from converto.auth.federation.id_tokens import BadIdToken, IdClaims
from converto.auth.federation.provider import NotAccepted, OidcClient
from converto.auth.settings import OidcProvider
from converto.kernel.outgoing.asking import Asking, Unreachable
from converto.kernel.outgoing.guard import Guard
from converto.kernel.outgoing.outgoing import Outgoing
from converto.kernel.outgoing.resolver import Resolver
from tests.auth.federation.provider import CLIENT_ID, CLIENT_SECRET, Claims, Provider, providing

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture(scope="module")
async def _provider() -> AsyncIterator[Provider]:
    async with providing() as provider:
        yield provider


@pytest.fixture
def provider(_provider: Provider) -> Provider:
    _provider.reset()
    return _provider


@asynccontextmanager
async def knowing(issuer: str, *, secret: str | None = CLIENT_SECRET, guard: Guard | None = None) -> AsyncIterator[OidcClient]:
    """Return a client of a provider that has not asked it anything yet."""
    asking = Asking(Outgoing(guard or Guard(allowed=LOOPBACK, https_only=False), Resolver(), idle_s=2), timeout_s=2)
    settings = OidcProvider(issuer=issuer, client_id=CLIENT_ID, client_secret=SecretStr(secret) if secret is not None else None)
    try:
        yield OidcClient("test", settings, asking, redirect_uri="http://127.0.0.1:8000/auth/oidc/test/callback")
    finally:
        await asking.close()


async def person(client: OidcClient, provider: Provider) -> IdClaims:
    """Return whom the provider vouches for, after the whole way there and back."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    address = await client.authorization_url(state=state, nonce=nonce, verifier=verifier)
    sent = provider.sent_back(dict(parse_qsl(urlsplit(address).query)))
    return await client.person(sent["code"], verifier=verifier, nonce=nonce)


async def test_who_always_names_itself_has_to_and_who_never_does_need_not(provider: Provider) -> None:
    async with knowing(provider.issuer) as client:
        with pytest.raises(NotAccepted):
            await client.require_own(None)
    provider.says = {"authorization_response_iss_parameter_supported": None}
    async with knowing(provider.issuer) as client:
        await client.require_own(None)
        await client.require_own(provider.issuer)
        with pytest.raises(NotAccepted):
            await client.require_own("http://127.0.0.1:2")


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "http://127.0.0.1:2"},
        {"issuer": None},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://127.0.0.1/\r\nset-cookie: a"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": ["http://127.0.0.1:2"]},
    ],
    ids=str,
)
async def test_a_document_that_points_elsewhere_is_not_believed(provider: Provider, said: Claims) -> None:
    provider.says = said

    async with knowing(provider.issuer) as client:
        with pytest.raises(Unreachable):
            await client.authorization_url(state="s", nonce="n", verifier="v")


async def test_an_endpoint_inside_a_network_is_not_asked_unless_an_operator_allows_it(provider: Provider) -> None:
    async with knowing(provider.issuer, guard=Guard(https_only=False)) as client:
        with pytest.raises(Unreachable, match="not a public address"):
            await client.authorization_url(state="s", nonce="n", verifier="v")
    for inside in ("http://169.254.169.254/keys", "http://10.0.0.1/keys", "http://[::1]/keys", "http://2130706434/keys"):
        provider.says = {"jwks_uri": inside}
        async with knowing(provider.issuer, guard=Guard(allowed=(ip_network("127.0.0.1/32"),), https_only=False)) as client:
            with pytest.raises(Unreachable, match="not a public address"):
                await person(client, provider)


async def test_without_a_network_of_their_own_an_operator_cannot_have_it_without_tls(provider: Provider) -> None:
    async with knowing(provider.issuer, guard=Guard(https_only=True)) as client:
        with pytest.raises(Unreachable, match="https"):
            await client.authorization_url(state="s", nonce="n", verifier="v")


async def test_the_secret_goes_where_the_provider_takes_it(provider: Provider) -> None:
    for methods in (None, ["client_secret_basic", "client_secret_post"], ["client_secret_post"], "nonsense"):
        provider.says = {"token_endpoint_auth_methods_supported": methods}
        async with knowing(provider.issuer) as client:
            assert (await person(client, provider)).email == "aino@example.fi"


async def test_a_wrong_secret_is_refused_by_the_provider(provider: Provider) -> None:
    for wrong in ("another", None):
        async with knowing(provider.issuer, secret=wrong) as client:
            with pytest.raises(NotAccepted):
                await person(client, provider)


async def test_an_address_is_looked_up_where_the_token_does_not_say_it(provider: Provider) -> None:
    provider.says = {"userinfo_endpoint": f"{provider.issuer}/userinfo"}
    del provider.person["email"]
    async with knowing(provider.issuer) as client:
        provider.userinfo = {"sub": provider.person["sub"], "email": "boris@example.fi", "email_verified": "true"}
        assert (await person(client, provider)) == IdClaims(
            sub=provider.person["sub"], email="boris@example.fi", email_verified=True, name=None
        )
        provider.userinfo["sub"] = "somebody else"
        with pytest.raises(BadIdToken):
            await person(client, provider)


async def test_what_was_read_once_is_not_asked_again(provider: Provider) -> None:
    provider.asked.clear()
    async with knowing(provider.issuer) as client:
        await person(client, provider)
        await person(client, provider)

    assert provider.asked == ["discovery", "token", "keys", "token"]
