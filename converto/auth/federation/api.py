"""REST: sign-in by other providers."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import SecretStr

from converto.auth.client import TheClient, Uncached
from converto.auth.cookies import Browser
from converto.auth.federation.interface import (
    Authorization,
    EmailUnverified,
    Federation,
    Identities,
    Identity,
    IdentityTaken,
    LastWayIn,
    LinkRequired,
    OidcRefused,
    OidcStart,
    Page,
    ProviderAnswer,
    Providers,
    ProviderUnavailable,
    UnknownIdentity,
    UnknownProvider,
)
from converto.auth.people import EmailTaken, InvalidToken, NoCompany, SignedIn, StepUpRequired
from converto.auth.sign_in.interface import RegistrationClosed
from converto.kernel.web import CurrentActor, problems, the

COOKIE: Final = "__Host-converto-oidc"
COOKIE_FOR_S: Final = 600
router = APIRouter(tags=["auth"])
TheFederation = Annotated[Federation, Depends(the(Federation))]


def _given(request: Request) -> SecretStr | None:
    """Return what this browser was given when it was sent away."""
    given = request.cookies.get(COOKIE, "")
    return SecretStr(given) if len(given) == 43 and given.isascii() else None


Given = Annotated[SecretStr | None, Depends(_given)]
ReturnTo = Annotated[
    Page | None, Query(description="Where your browser goes on at last, its tokens in cookies; without it the callback answers them.")
]


def _give(response: Response, start: OidcStart) -> None:
    # Lax: the provider sends the browser back by a link, and a stricter cookie would not come along
    response.set_cookie(COOKIE, start.browser, max_age=COOKIE_FOR_S, path="/", secure=True, httponly=True, samesite="lax")


@router.get("/auth/oidc")
async def providers(federation: TheFederation) -> Providers:
    """Return who else you may sign in by."""
    return await federation.oidc_providers()


@router.get(
    "/auth/oidc/{name}/start",
    status_code=302,
    response_class=RedirectResponse,
    responses=problems(UnknownProvider, ProviderUnavailable),
)
async def start(federation: TheFederation, name: str, given: Given, return_to: ReturnTo = None) -> Response:
    """Send your browser to the provider to sign in."""
    begun = await federation.start_oidc(name, given, return_to=return_to)
    response = RedirectResponse(begun.authorization_url, status_code=302, headers={"cache-control": "no-store"})
    _give(response, begun)
    return response


@router.get(
    "/auth/oidc/{name}/callback",
    response_model=SignedIn | Identity,
    dependencies=[Uncached],
    responses=problems(
        UnknownProvider,
        OidcRefused,
        ProviderUnavailable,
        EmailUnverified,
        EmailTaken,
        LinkRequired,
        RegistrationClosed,
        IdentityTaken,
        NoCompany,
    ),
)
async def callback(
    request: Request, federation: TheFederation, name: str, answer: Annotated[ProviderAnswer, Query()], given: Given, client: TheClient
) -> Any:
    """Take your browser back from the provider: you are signed in, or the account is linked to which you were signed in."""
    landing = await federation.finish_oidc(name, answer, browser=given, client=client)
    if landing.return_to is None:
        return landing.signed_in or landing.linked
    onwards = RedirectResponse(landing.return_to, status_code=303, headers={"cache-control": "no-store"})
    if landing.signed_in is not None:
        Browser(request, onwards, by_cookie=True).answered(landing.signed_in)
    return onwards


@router.post(
    "/auth/oidc/{name}/link",
    dependencies=[Uncached],
    responses=problems(InvalidToken, StepUpRequired, UnknownProvider, ProviderUnavailable),
)
async def link(
    federation: TheFederation, actor: CurrentActor, name: str, given: Given, response: Response, return_to: ReturnTo = None
) -> Authorization:
    """Return where your browser goes to link an account of the provider; it comes back by the callback."""
    begun = await federation.start_oidc_link(actor, name, browser=given, return_to=return_to)
    _give(response, begun)
    return Authorization(authorization_url=begun.authorization_url)


@router.delete(
    "/auth/oidc/{name}/link",
    status_code=204,
    responses=problems(InvalidToken, StepUpRequired, UnknownProvider, UnknownIdentity, LastWayIn),
)
async def unlink(federation: TheFederation, actor: CurrentActor, name: str) -> None:
    """Let nobody sign in by the provider to your account."""
    await federation.unlink_oidc(actor, name)


@router.get("/auth/identities", responses=problems(InvalidToken))
async def identities(federation: TheFederation, actor: CurrentActor) -> Identities:
    """Return who you are at other providers."""
    return await federation.identities(actor)
