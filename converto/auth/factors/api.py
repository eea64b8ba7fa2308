"""REST: authenticator apps, recovery codes, passkeys, and proving again who one is."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from converto.auth.client import TheClient, Uncached
from converto.auth.cookies import TheBrowser
from converto.auth.factors.interface import (
    BadPasskey,
    Code,
    Factors,
    MfaState,
    NewPasskey,
    NothingProved,
    NoTotp,
    OtpRequired,
    Passkey,
    PasskeyOptions,
    Passkeys,
    PasskeySignIn,
    PasskeyTaken,
    Proof,
    Proved,
    RecoveryCodes,
    TooManyPasskeys,
    TotpInUse,
    TotpSetUp,
    UnknownPasskey,
    WrongCode,
    WrongOtp,
    WrongPasskey,
)
from converto.auth.people import InBrowser, InvalidToken, NoCompany, Overloaded, SignedIn, StepUpRequired, TooManyFailures, WrongCredentials
from converto.kernel.web import CurrentActor, problems, the

router = APIRouter(tags=["auth"])
TheFactors = Annotated[Factors, Depends(the(Factors))]


@router.get("/auth/mfa", responses=problems(InvalidToken))
async def mfa(factors: TheFactors, actor: CurrentActor) -> MfaState:
    """Return what you have set up beside your password."""
    return await factors.mfa(actor)


@router.post("/auth/mfa/totp", status_code=201, dependencies=[Uncached], responses=problems(InvalidToken, StepUpRequired, TotpInUse))
async def start_totp(factors: TheFactors, actor: CurrentActor) -> TotpSetUp:
    """Make a secret for an authenticator app; it counts once a first code has confirmed it."""
    return await factors.start_totp(actor)


@router.post(
    "/auth/mfa/totp/confirm",
    dependencies=[Uncached],
    responses=problems(InvalidToken, StepUpRequired, NoTotp, TotpInUse, WrongCode),
)
async def confirm_totp(factors: TheFactors, actor: CurrentActor, body: Code) -> RecoveryCodes:
    """Confirm the app by a code; from now on a sign-in asks for one. The recovery codes are shown this once."""
    return await factors.confirm_totp(actor, body.code)


@router.delete("/auth/mfa/totp", status_code=204, responses=problems(InvalidToken, StepUpRequired, NoTotp))
async def remove_totp(factors: TheFactors, actor: CurrentActor) -> None:
    """Remove the app and the recovery codes."""
    await factors.remove_totp(actor)


@router.post("/auth/mfa/recovery-codes", status_code=201, dependencies=[Uncached], responses=problems(InvalidToken, StepUpRequired, NoTotp))
async def renew_recovery_codes(factors: TheFactors, actor: CurrentActor) -> RecoveryCodes:
    """Make new recovery codes, shown this once; the old ones are good for nothing from now on."""
    return await factors.renew_recovery_codes(actor)


@router.post("/auth/passkeys/options", dependencies=[Uncached], responses=problems(InvalidToken, StepUpRequired, TooManyPasskeys))
async def passkey_options(factors: TheFactors, actor: CurrentActor) -> PasskeyOptions:
    """Return what your browser makes a passkey with."""
    return await factors.passkey_options(actor)


@router.post("/auth/passkeys", status_code=201, responses=problems(InvalidToken, StepUpRequired, BadPasskey, PasskeyTaken, TooManyPasskeys))
async def add_passkey(factors: TheFactors, actor: CurrentActor, body: NewPasskey) -> Passkey:
    """Keep the passkey that your browser has made."""
    return await factors.add_passkey(actor, body)


@router.get("/auth/passkeys", responses=problems(InvalidToken))
async def passkeys(factors: TheFactors, actor: CurrentActor) -> Passkeys:
    """Return your passkeys."""
    return await factors.passkeys(actor)


@router.delete("/auth/passkeys/{passkey_id}", status_code=204, responses=problems(InvalidToken, StepUpRequired, UnknownPasskey))
async def remove_passkey(factors: TheFactors, actor: CurrentActor, passkey_id: UUID) -> None:
    """Take a passkey no longer."""
    await factors.remove_passkey(actor, passkey_id)


@router.post("/auth/passkeys/login/options", dependencies=[Uncached])
async def passkey_sign_in_options(factors: TheFactors) -> PasskeyOptions:
    """Return what a browser signs in by passkey with."""
    return await factors.passkey_sign_in_options()


@router.post("/auth/passkeys/login", dependencies=[Uncached], responses=problems(WrongPasskey, NoCompany))
async def sign_in_by_passkey(factors: TheFactors, body: PasskeySignIn, client: TheClient, browser: TheBrowser) -> SignedIn | InBrowser:
    """Sign in by a passkey, which needs neither a password nor a code."""
    return browser.answered(await factors.sign_in_by_passkey(body.credential, client))


@router.post("/auth/step-up/options", dependencies=[Uncached], responses=problems(InvalidToken))
async def step_up_options(factors: TheFactors, actor: CurrentActor) -> PasskeyOptions:
    """Return what your browser asks one of your passkeys with, to prove again that it is you."""
    return await factors.step_up_options(actor)


@router.post(
    "/auth/step-up",
    dependencies=[Uncached],
    responses=problems(InvalidToken, NothingProved, WrongCredentials, OtpRequired, WrongOtp, WrongPasskey, TooManyFailures, Overloaded),
)
async def step_up(factors: TheFactors, actor: CurrentActor, body: Proof, client: TheClient, browser: TheBrowser) -> Proved:
    """Prove again that it is you, by a password, a code or a passkey; it counts for five minutes, with the tokens that you get by it.

    The session's tokens of before are refused from now on.
    """
    proved = await factors.step_up(actor, body, client)
    return proved if proved.tokens is None else proved.model_copy(update={"tokens": browser.renewed(proved.tokens)})
