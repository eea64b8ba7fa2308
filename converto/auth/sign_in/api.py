"""REST: accounts, sign-in and sessions."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import SecretStr

from converto.auth.client import LONGEST_TOKEN, TheClient, Uncached
from converto.auth.cookies import TheBrowser
from converto.auth.people import (
    EmailTaken,
    Ended,
    InBrowser,
    InvalidRefreshToken,
    InvalidToken,
    Me,
    NoCompany,
    Overloaded,
    SignedIn,
    TooManyFailures,
    WeakPassword,
    WrongCredentials,
)
from converto.auth.sign_in.interface import Credentials, Refresh, Registration, RegistrationClosed, SignIn
from converto.kernel.web import CurrentActor, problems, the

router = APIRouter(tags=["auth"])
TheSignIn = Annotated[SignIn, Depends(the(SignIn))]


@router.post(
    "/auth/register",
    status_code=201,
    dependencies=[Uncached],
    responses=problems(EmailTaken, WeakPassword, RegistrationClosed, Overloaded),
)
async def register(sign_in: TheSignIn, registration: Registration, client: TheClient, browser: TheBrowser) -> SignedIn | InBrowser:
    """Open an account and a company, whose owner you become, and sign in; a letter verifies your address."""
    return browser.answered(await sign_in.register(registration, client))


@router.post(
    "/auth/login",
    dependencies=[Uncached],
    responses=problems(WrongCredentials, TooManyFailures, NoCompany, Overloaded),
)
async def login(sign_in: TheSignIn, credentials: Credentials, client: TheClient, browser: TheBrowser) -> SignedIn | InBrowser:
    """Sign in."""
    return browser.answered(await sign_in.login(credentials, client))


@router.post("/auth/refresh", dependencies=[Uncached], responses=problems(InvalidRefreshToken))
async def refresh(sign_in: TheSignIn, browser: TheBrowser, body: Refresh | None = None) -> SignedIn | InBrowser:
    """Exchange a refresh token, once, for the next pair of tokens; the same answer again for ten seconds."""
    given = body.refresh_token if body is not None else None
    token = given or SecretStr((browser.refresh_token or "")[:LONGEST_TOKEN])
    return browser.answered(await sign_in.refresh(token))


@router.post("/auth/logout", status_code=204, responses=problems(InvalidToken))
async def logout(sign_in: TheSignIn, actor: CurrentActor, browser: TheBrowser) -> None:
    """End this session."""
    await sign_in.logout(actor)
    browser.forget()


@router.post("/auth/logout-all", responses=problems(InvalidToken))
async def logout_all(sign_in: TheSignIn, actor: CurrentActor, browser: TheBrowser) -> Ended:
    """End every session of yours."""
    ended = await sign_in.logout_all(actor)
    browser.forget()
    return ended


@router.get("/auth/me", responses=problems(InvalidToken))
async def me(sign_in: TheSignIn, actor: CurrentActor) -> Me:
    """Return who you are, for which company, and what you may do."""
    return await sign_in.me(actor)
