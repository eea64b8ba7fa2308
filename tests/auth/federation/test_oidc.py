import asyncio
import itertools
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from converto.auth.audit.models import AuditRow
from converto.auth.factors.interface import NewPasskey
from converto.auth.federation.interface import (
    EmailUnverified,
    IdentityTaken,
    Landing,
    LastWayIn,
    LinkRequired,
    OidcRefused,
    OidcStart,
    ProviderAnswer,
    ProviderUnavailable,
    UnknownIdentity,
    UnknownProvider,
)
from converto.auth.federation.models import OidcFlowRow
from converto.auth.models import SessionRow, UserRow
from converto.auth.people import InvalidToken, SignedIn, StepUpRequired
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from tests.auth.conftest import CLIENT
from tests.auth.factors.authenticator import Authenticator
from tests.auth.federation.conftest import Federated
from tests.auth.federation.provider import Claims, SigningKey

everywhere = pytest.mark.parametrize("_federated", ["local", "remote"], indirect=True, scope="module")
_numbers = itertools.count(1)


def new_email() -> str:
    return f"federated{next(_numbers)}@example.fi"


async def registered(federated: Federated, email: str, *, verified: bool = True) -> tuple[SignedIn, Actor]:
    """Open an account with a password."""
    signed_in = await federated.house.register(email)
    if verified:
        async with federated.house.database.writing() as session:
            await session.execute(update(UserRow).where(UserRow.email == email).values(email_verified_at=now()))
    return signed_in, await federated.house.auth.authenticate(signed_in.access_token)


async def linked(federated: Federated, actor: Actor, name: str = "test") -> Landing:
    start = await federated.house.auth.start_oidc_link(actor, name, browser=None)
    return await federated.back(start, name)


@everywhere
async def test_somebody_new_gets_an_account_and_comes_in_again_by_the_same_way(federated: Federated) -> None:
    federated.provider.person["email"] = new_email()

    first = await federated.sign_in()
    federated.provider.person["email"] = "another.address@example.fi"
    second = await federated.sign_in()

    assert first.user.id == second.user.id
    assert first.user.full_name == "Aino Niemi"
    actor = await federated.house.auth.authenticate(second.access_token)
    assert (actor.user_id, actor.role) == (first.user.id, "owner")
    async with federated.house.database.reading() as session:
        row = await session.scalar(select(SessionRow).where(SessionRow.id == actor.session_id))
        noted = (await session.scalars(select(AuditRow.action).where(AuditRow.tenant_id == actor.tenant_id))).all()
    assert row is not None
    assert row.methods == "fed"
    assert {"auth.registered", "auth.identity_linked", "auth.signed_in"} <= set(noted)


async def test_what_the_browser_is_sent_with_is_all_that_protects_the_way(federated: Federated) -> None:
    asked = dict(parse_qsl(urlsplit((await federated.sent()).authorization_url).query))

    assert asked["redirect_uri"] == "http://127.0.0.1:8000/auth/oidc/test/callback"
    assert (asked["response_type"], asked["scope"], asked["code_challenge_method"]) == ("code", "openid email profile", "S256")
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    assert all(len(asked[name]) == 43 for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_each_algorithm_is_taken(federated: Federated, algorithm: str) -> None:
    federated.provider.person["email"] = new_email()
    federated.provider.key = SigningKey(algorithm)

    await federated.sign_in()


async def test_keys_that_the_provider_has_changed_are_read_again(federated: Federated) -> None:
    federated.provider.person["email"] = new_email()
    await federated.sign_in()
    federated.provider.key = SigningKey("ES256")
    federated.provider.asked.clear()

    await federated.sign_in()
    await federated.sign_in()
    assert federated.provider.asked == ["token", "keys", "token"]


async def test_an_answer_of_another_provider_is_refused(federated: Federated) -> None:
    start = await federated.sent()
    with pytest.raises(OidcRefused):
        await federated.back(start, iss=federated.other.issuer)

    start = await federated.sent()
    with pytest.raises(OidcRefused):
        await federated.back(start, iss=None)


async def test_what_was_sent_to_one_provider_does_not_come_back_by_another(federated: Federated) -> None:
    start = await federated.sent("test")
    asked = dict(parse_qsl(urlsplit(start.authorization_url).query))
    answer = ProviderAnswer.model_validate(federated.other.sent_back(asked))

    with pytest.raises(OidcRefused):
        await federated.house.auth.finish_oidc("other", answer, browser=SecretStr(start.browser), client=CLIENT)
    assert "token" not in federated.other.asked


@everywhere
async def test_an_answer_counts_once(federated: Federated) -> None:
    federated.provider.person["email"] = new_email()
    start = await federated.sent()
    await federated.back(start)

    with pytest.raises(OidcRefused):
        await federated.back(start)


async def test_of_two_who_bring_one_answer_at_once_one_comes_in(federated: Federated) -> None:
    federated.provider.person["email"] = new_email()
    start = await federated.sent()

    answers = await asyncio.gather(*(federated.back(start) for _ in range(3)), return_exceptions=True)

    assert sum(isinstance(answer, Landing) for answer in answers) == 1


async def test_another_browser_does_not_come_back_with_the_answer(federated: Federated) -> None:
    start = await federated.sent()
    for browser in (None, SecretStr("another"), SecretStr((await federated.sent()).browser)):
        asked = dict(parse_qsl(urlsplit(start.authorization_url).query))
        answer = ProviderAnswer.model_validate(federated.provider.sent_back(asked))
        with pytest.raises(OidcRefused):
            await federated.house.auth.finish_oidc("test", answer, browser=browser, client=CLIENT)


async def test_who_stays_away_for_ten_minutes_starts_again(federated: Federated) -> None:
    start = await federated.sent()
    async with federated.house.database.writing() as session:
        await session.execute(update(OidcFlowRow).values(ends_at=now() - timedelta(seconds=1)))

    with pytest.raises(OidcRefused):
        await federated.back(start)


@pytest.mark.parametrize("otherwise", [{"code": None}, {"code": ""}, {"error": "access_denied"}, {"state": "unknown"}, {"state": None}])
async def test_an_answer_that_is_none_is_refused(federated: Federated, otherwise: dict[str, Any]) -> None:
    start = await federated.sent()

    with pytest.raises(OidcRefused):
        await federated.back(start, **otherwise)


async def test_a_code_that_the_provider_does_not_know_is_refused(federated: Federated) -> None:
    start = await federated.sent()

    with pytest.raises(OidcRefused):
        await federated.back(start, code="made up")


ANSWERS: dict[str, Response] = {
    "500": JSONResponse({}, 500),
    "no JSON": PlainTextResponse("hello"),
    "a list": JSONResponse([]),
    "twice the same": PlainTextResponse('{"id_token": "a", "id_token": "b"}'),
    "too much": PlainTextResponse("x" * 300_000),
    "NaN": PlainTextResponse('{"expires_in": NaN}'),
    "deep": PlainTextResponse("[" * 200_000),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_provider_that_makes_no_sense_is_unavailable(federated: Federated, answer: str) -> None:
    start = await federated.sent()
    federated.provider.answer = ANSWERS[answer]

    with pytest.raises(ProviderUnavailable):
        await federated.back(start)


async def test_a_redirect_of_the_token_endpoint_is_not_followed(federated: Federated) -> None:
    start = await federated.sent()
    federated.provider.answer = RedirectResponse(f"{federated.provider.issuer}/userinfo")

    with pytest.raises(OidcRefused):
        await federated.back(start)
    assert "userinfo" not in federated.provider.asked


async def test_a_provider_that_is_gone_is_unavailable_and_one_that_is_unknown_is_not_found(federated: Federated) -> None:
    with pytest.raises(ProviderUnavailable):
        await federated.sent("gone")
    with pytest.raises(UnknownProvider):
        await federated.sent("nobody")


@everywhere
async def test_an_account_of_the_same_verified_address_is_linked(federated: Federated) -> None:
    email = new_email()
    signed_in, _ = await registered(federated, email)
    federated.provider.person["email"] = email.upper()

    assert (await federated.sign_in()).user.id == signed_in.user.id
    assert "Tilisi kirjautumistapoja muutettiin" in [letter["subject"] for letter in await federated.house.letters(email)]


async def test_an_account_whose_address_nobody_has_verified_is_not_linked(federated: Federated) -> None:
    email = new_email()
    await registered(federated, email, verified=False)
    federated.provider.person["email"] = email

    with pytest.raises(LinkRequired):
        await federated.sign_in()


@pytest.mark.parametrize("verified", [False, None, 1, "yes", "True", ["true"]])
async def test_an_address_that_the_provider_has_not_verified_opens_and_links_nothing(federated: Federated, verified: object) -> None:
    email = new_email()
    await registered(federated, email)
    for address in (email, new_email()):
        federated.provider.person |= {"email": address, "email_verified": verified}
        with pytest.raises(EmailUnverified):
            await federated.sign_in()


@pytest.mark.parametrize("email", ["", "nobody", "aino@example.fi\nbcc: all@example.fi", "aino@exämple.fi", 7, None])
async def test_what_is_no_address_opens_nothing(federated: Federated, email: object) -> None:
    federated.provider.person["email"] = email

    with pytest.raises(EmailUnverified):
        await federated.sign_in()


async def test_an_account_that_a_second_factor_protects_is_not_linked_by_its_address(federated: Federated) -> None:
    email = new_email()
    _, actor = await registered(federated, email)
    options = (await federated.house.auth.passkey_options(actor)).public_key
    await federated.house.auth.add_passkey(actor, NewPasskey(credential=Authenticator().made(options)))
    federated.provider.person["email"] = email

    with pytest.raises(LinkRequired):
        await federated.sign_in()


async def test_who_is_signed_in_links_an_account_of_any_address(federated: Federated) -> None:
    signed_in, actor = await registered(federated, new_email(), verified=False)
    federated.provider.person |= {"email": new_email(), "email_verified": False}

    landing = await linked(federated, actor)

    assert landing.linked is not None
    assert landing.linked.provider == "test"
    assert landing.signed_in is None
    assert (await federated.sign_in()).user.id == signed_in.user.id
    (shown,) = (await federated.house.auth.identities(actor)).items
    assert shown.last_used_at is not None


async def test_only_who_has_just_proved_who_they_are_links_and_unlinks(federated: Federated) -> None:
    _, actor = await registered(federated, new_email())
    async with federated.house.database.writing() as session:
        await session.execute(update(SessionRow).where(SessionRow.id == actor.session_id).values(proved_at=now() - timedelta(minutes=6)))

    with pytest.raises(StepUpRequired):
        await federated.house.auth.start_oidc_link(actor, "test", browser=None)
    with pytest.raises(StepUpRequired):
        await federated.house.auth.unlink_oidc(actor, "test")


async def test_a_session_that_has_ended_meanwhile_links_nothing(federated: Federated) -> None:
    _, actor = await registered(federated, new_email())
    start = await federated.house.auth.start_oidc_link(actor, "test", browser=None)
    await federated.house.auth.logout(actor)

    with pytest.raises(InvalidToken):
        await federated.back(start)


async def test_an_account_of_a_provider_belongs_to_one_person(federated: Federated) -> None:
    _, hers = await registered(federated, new_email())
    _, his = await registered(federated, new_email())
    await linked(federated, hers)

    with pytest.raises(IdentityTaken):
        await linked(federated, his)
    assert (await linked(federated, hers)).linked is not None


async def test_an_unlinked_account_comes_in_no_more(federated: Federated) -> None:
    _, actor = await registered(federated, new_email(), verified=False)
    federated.provider.person |= {"email": new_email(), "email_verified": False}
    await linked(federated, actor)

    await federated.house.auth.unlink_oidc(actor, "test")

    with pytest.raises(EmailUnverified):
        await federated.sign_in()
    with pytest.raises(UnknownIdentity):
        await federated.house.auth.unlink_oidc(actor, "test")


async def test_the_last_way_in_is_kept(federated: Federated) -> None:
    federated.provider.person["email"] = new_email()
    signed_in = await federated.sign_in()
    actor = await federated.house.auth.authenticate(signed_in.access_token)

    with pytest.raises(LastWayIn):
        await federated.house.auth.unlink_oidc(actor, "test")

    assert len((await federated.house.auth.identities(actor)).items) == 1


async def test_neither_an_id_token_nor_a_code_nor_a_state_is_an_access_token(federated: Federated) -> None:
    tokens: list[str] = []
    federated.provider.person["email"] = new_email()

    def make(claims: Claims) -> str:
        tokens.append(federated.provider.key.token(claims))
        return tokens[-1]

    federated.provider.make = make
    start: OidcStart = await federated.sent()
    asked = dict(parse_qsl(urlsplit(start.authorization_url).query))
    await federated.back(start)

    for token in (*tokens, asked["state"], asked["nonce"], start.browser):
        with pytest.raises(InvalidToken):
            await federated.house.auth.authenticate(token)


async def test_our_own_access_token_is_no_id_token(federated: Federated) -> None:
    federated.provider.person["email"] = new_email()
    ours = (await federated.sign_in()).access_token
    federated.provider.make = lambda _: ours

    with pytest.raises(OidcRefused):
        await federated.sign_in()


async def test_the_provider_itself_sends_a_browser_back(federated: Federated, plain: httpx2.AsyncClient) -> None:
    federated.provider.person["email"] = new_email()
    start = await federated.sent()

    sent_back = (await plain.get(start.authorization_url)).headers["location"]

    answer = ProviderAnswer.model_validate(dict(parse_qsl(urlsplit(sent_back).query)))
    landing = await federated.house.auth.finish_oidc("test", answer, browser=SecretStr(start.browser), client=CLIENT)
    assert landing.signed_in is not None
