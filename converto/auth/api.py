"""REST: people, sessions, and the keys that tokens can be checked with."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from converto.auth.interface import (
    Auth,
    Client,
    Credentials,
    EmailTaken,
    Ended,
    InvalidRefreshToken,
    InvalidToken,
    KeySet,
    Me,
    NoCompany,
    Overloaded,
    Refresh,
    Registration,
    RegistrationClosed,
    SignedIn,
    TooManyFailures,
    WeakPassword,
    WrongCredentials,
)
from converto.kernel.web import CurrentActor, problems, the

router = APIRouter(tags=["auth"])
TheAuth = Annotated[Auth, Depends(the(Auth))]


def _client(request: Request) -> Client:
    """Return where a request comes from."""
    agent = request.headers.get("user-agent", "")[:512]
    return Client(address=request.client.host[:64] if request.client else None, user_agent=agent or None)


def _uncached(response: Response) -> None:
    """Have no proxy and no browser keep the answer: it holds tokens."""
    response.headers["cache-control"] = "no-store"


TheClient = Annotated[Client, Depends(_client)]
Uncached = Depends(_uncached)


@router.post(
    "/auth/register",
    status_code=201,
    dependencies=[Uncached],
    responses=problems(EmailTaken, WeakPassword, RegistrationClosed, Overloaded),
)
async def register(auth: TheAuth, registration: Registration, client: TheClient) -> SignedIn:
    """Open an account and a company, whose owner you become, and sign in."""
    return await auth.register(registration, client)


@router.post("/auth/login", dependencies=[Uncached], responses=problems(WrongCredentials, TooManyFailures, NoCompany, Overloaded))
async def login(auth: TheAuth, credentials: Credentials, client: TheClient) -> SignedIn:
    """Sign in."""
    return await auth.login(credentials, client)


@router.post("/auth/refresh", dependencies=[Uncached], responses=problems(InvalidRefreshToken))
async def refresh(auth: TheAuth, body: Refresh) -> SignedIn:
    """Exchange a refresh token, once, for the next pair of tokens; the same answer again for ten seconds."""
    return await auth.refresh(body.refresh_token)


@router.post("/auth/logout", status_code=204, responses=problems(InvalidToken))
async def logout(auth: TheAuth, actor: CurrentActor) -> None:
    """End this session."""
    await auth.logout(actor)


@router.post("/auth/logout-all", responses=problems(InvalidToken))
async def logout_all(auth: TheAuth, actor: CurrentActor) -> Ended:
    """End every session of yours."""
    return await auth.logout_all(actor)


@router.get("/auth/me", responses=problems(InvalidToken))
async def me(auth: TheAuth, actor: CurrentActor) -> Me:
    """Return who you are, for which company, and what you may do."""
    return await auth.me(actor)


@router.get("/.well-known/jwks.json")
async def key_set(auth: TheAuth, response: Response) -> KeySet:
    """Return the public keys that access tokens can be checked with."""
    response.headers["cache-control"] = "public, max-age=300"
    return await auth.key_set()
