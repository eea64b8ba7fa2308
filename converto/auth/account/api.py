"""REST: a person's own account."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from converto.auth.account.interface import (
    Account,
    ForgottenPassword,
    InvalidMailedToken,
    MailedToken,
    OpenSessions,
    PasswordChange,
    PasswordIsReset,
    PasswordReset,
    ProfileChange,
    TooManyLetters,
    UnknownSession,
    VerifiedEmail,
    WrongPassword,
)
from converto.auth.client import TheClient, Uncached
from converto.auth.cookies import TheBrowser
from converto.auth.people import EmailTaken, Ended, InvalidToken, Me, Overloaded, StepUpRequired, TooManyFailures, WeakPassword
from converto.kernel.web import CurrentActor, problems, the

router = APIRouter(tags=["auth"])
TheAccount = Annotated[Account, Depends(the(Account))]


@router.post("/auth/email/verify", responses=problems(InvalidMailedToken, EmailTaken))
async def verify_email(account: TheAccount, body: MailedToken, client: TheClient) -> VerifiedEmail:
    """Say what the letter brought: the address is yours, and from now on what you sign in with where you have asked for that."""
    return await account.verify_email(body.token, client)


@router.post("/auth/email/verify/resend", status_code=202, response_class=Response, responses=problems(InvalidToken, TooManyLetters))
async def resend_verification(account: TheAccount, actor: CurrentActor, client: TheClient) -> Response:
    """Have the letter sent again that verifies your address."""
    await account.resend_verification(actor, client)
    return Response(status_code=202)


@router.get("/auth/sessions", dependencies=[Uncached], responses=problems(InvalidToken))
async def sessions(account: TheAccount, actor: CurrentActor) -> OpenSessions:
    """Return your open sessions, in every company."""
    return await account.sessions(actor)


@router.delete("/auth/sessions/{session_id}", status_code=204, responses=problems(InvalidToken, UnknownSession))
async def end_session(account: TheAccount, actor: CurrentActor, session_id: UUID) -> None:
    """End one of your sessions: its tokens are refused from now on."""
    await account.end_session(actor, session_id)


@router.post("/auth/password/change", responses=problems(InvalidToken, WrongPassword, WeakPassword, TooManyFailures, Overloaded))
async def change_password(account: TheAccount, actor: CurrentActor, body: PasswordChange, client: TheClient) -> Ended:
    """Change your password; your other sessions end."""
    return await account.change_password(actor, body, client)


@router.post("/auth/password/forgot", status_code=202, response_class=Response, responses=problems(TooManyFailures))
async def forgot_password(account: TheAccount, body: ForgottenPassword, client: TheClient) -> Response:
    """Have a letter sent that resets your password; the answer is the same whether or not somebody has this address."""
    await account.forgot_password(body, client)
    return Response(status_code=202)


@router.post("/auth/password/reset", dependencies=[Uncached], responses=problems(InvalidMailedToken, WeakPassword, Overloaded))
async def reset_password(account: TheAccount, body: PasswordReset, client: TheClient, browser: TheBrowser) -> PasswordIsReset:
    """Set a new password by what the letter brought; all your sessions end, and you sign in anew."""
    done = await account.reset_password(body, client)
    browser.know_device(done.device_token)
    return done


@router.patch("/auth/me", dependencies=[Uncached], responses=problems(InvalidToken, StepUpRequired, TooManyLetters))
async def change_profile(account: TheAccount, actor: CurrentActor, body: ProfileChange, client: TheClient) -> Me:
    """Change your name, or ask for another address, which is yours once you have answered the letter sent there."""
    return await account.change_profile(actor, body, client)
