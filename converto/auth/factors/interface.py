"""What may be asked of the proofs beside a password."""

from datetime import datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from converto.auth.people import Client, Name, Password, SecondStep, SignedIn, TokenPair
from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated
from converto.kernel.interface import Interface, Value, command, query

Base64Url = StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=16_384)
Bytes = Annotated[str, Base64Url]


class OtpRequired(Unauthenticated):
    """The password is right; this person is also asked for a code."""

    code = "auth.otp_required"
    message = "Send `otp` too: the six digits of your authenticator app, or a recovery code."


class WrongOtp(Unauthenticated):
    """A code that is wrong, too old, or was used before; which of them is not told."""

    code = "auth.wrong_otp"
    message = "The code is wrong or was used before; wait for the next one of your authenticator app."


class WrongCode(Invalid):
    """The first code of a new app is not the one that the secret gives."""

    code = "auth.wrong_code"
    message = "The code does not fit; check the clock of your device, and send the newest one."


class TotpInUse(Conflict):
    """An authenticator app is set up already."""

    code = "auth.totp_in_use"
    message = "There is an authenticator app already; remove it before you set up another."


class NoTotp(Conflict):
    """There is no authenticator app to which this belongs."""

    code = "auth.no_totp"
    message = "Set up an authenticator app first: POST /auth/mfa/totp, then confirm it with a code."


class WrongPasskey(Unauthenticated):
    """A passkey that is not known here, or an answer of one that does not fit what was asked; which of them is not told."""

    code = "auth.wrong_passkey"
    message = "This passkey is not taken; ask for new options and try again."


class BadPasskey(Invalid):
    """What came is no new passkey that fits what was asked."""

    code = "auth.bad_passkey"
    message = "This passkey cannot be registered; ask for new options and try again."


class PasskeyTaken(Conflict):
    """This passkey is registered already."""

    code = "auth.passkey_taken"
    message = "This passkey is registered already."


class TooManyPasskeys(Conflict):
    """A person has as many passkeys as are kept."""

    code = "auth.too_many_passkeys"
    message = "At most {most} passkeys are kept; remove one first."


class UnknownPasskey(NotFound):
    """There is no such passkey of this person."""

    code = "auth.unknown_passkey"
    message = "You have no passkey {passkey_id}."


class NothingProved(Invalid):
    """A step-up with nothing in it, or with a password where more is asked for."""

    code = "auth.nothing_proved"
    message = "Send one of `password`, `otp` and `passkey`."


class TotpSetUp(Value):
    """What an authenticator app is set up with; shown once."""

    secret: str = Field(repr=False)
    otpauth_uri: str = Field(repr=False)
    qr_code: str = Field(repr=False, description="The address as a picture: an SVG in a `data:` address.")


class Code(Value):
    """The first code of a new app."""

    code: SecondStep


class RecoveryCodes(Value):
    """What takes the place of the app when it is lost, each once; shown once."""

    recovery_codes: tuple[str, ...] = Field(repr=False)


class MfaState(Value):
    """What a person has set up beside their password."""

    totp: bool
    recovery_codes_left: int
    passkeys: int


class PasskeyOptions(Value):
    """What a browser's passkey functions are called with."""

    public_key: dict[str, Any] = Field(
        description="For `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`; good for five minutes, once."
    )


# The names below are the W3C's: what a browser's `toJSON()` gives is sent as it is.
class AttestationResponse(Value):
    """What a device answers that has made a key."""

    clientDataJSON: Bytes  # noqa: N815
    attestationObject: Bytes  # noqa: N815


class AssertionResponse(Value):
    """What a device answers that has signed."""

    clientDataJSON: Bytes  # noqa: N815
    authenticatorData: Bytes  # noqa: N815
    signature: Bytes
    userHandle: Bytes | None = None  # noqa: N815


class NewCredential(Value):
    """A passkey as a browser gives it when it was made."""

    id: Bytes
    rawId: Bytes  # noqa: N815
    type: Literal["public-key"]
    response: AttestationResponse


class Assertion(Value):
    """A passkey's signature as a browser gives it."""

    id: Bytes
    rawId: Bytes  # noqa: N815
    type: Literal["public-key"]
    response: AssertionResponse


class NewPasskey(Value):
    """A passkey to be kept, and what its owner calls it."""

    name: Annotated[Name, Field(max_length=100)] = "Passkey"
    credential: NewCredential


class PasskeySignIn(Value):
    """What somebody gives who signs in by passkey."""

    credential: Assertion


class Passkey(Value):
    """A passkey of a person."""

    id: UUID
    name: str
    is_synced: bool = Field(description="Whether copies may be on the person's other devices.")
    created_at: datetime
    last_used_at: datetime | None


class Passkeys(Value):
    """The passkeys of a person."""

    items: tuple[Passkey, ...]


class Proof(Value):
    """What somebody gives to prove again that it is them: one of these."""

    password: Password | None = None
    otp: SecondStep | None = None
    passkey: Assertion | None = None


class Proved(Value):
    """When somebody has proved who they are, until when this counts, and the tokens that their session goes on with."""

    methods: tuple[str, ...] = Field(description="As RFC 8176 calls them.")
    proved_at: datetime
    good_until: datetime
    tokens: TokenPair | None = Field(default=None, description="In place of those there were; null where they went into cookies.")


class Factors(Interface, Protocol):
    """Authenticator apps, recovery codes, passkeys, and proving again who one is."""

    @query
    async def mfa(self, actor: Actor) -> MfaState:
        """Return what the actor's person has set up beside their password."""
        ...

    @command
    async def start_totp(self, actor: Actor) -> TotpSetUp:
        """Make a secret for an authenticator app; it counts once `confirm_totp` has seen a code. Raises StepUpRequired, TotpInUse."""
        ...

    @command
    async def confirm_totp(self, actor: Actor, code: SecretStr) -> RecoveryCodes:
        """Ask for codes of the new app from now on. Raises StepUpRequired, NoTotp, TotpInUse, WrongCode."""
        ...

    @command
    async def remove_totp(self, actor: Actor) -> None:
        """Ask for no codes any more; recovery codes go too. Raises StepUpRequired, NoTotp."""
        ...

    @command
    async def renew_recovery_codes(self, actor: Actor) -> RecoveryCodes:
        """Put new recovery codes in the place of the old ones. Raises StepUpRequired, NoTotp."""
        ...

    @command
    async def passkey_options(self, actor: Actor) -> PasskeyOptions:
        """Return what a browser makes a passkey with. Raises StepUpRequired, TooManyPasskeys."""
        ...

    @command
    async def add_passkey(self, actor: Actor, passkey: NewPasskey) -> Passkey:
        """Keep a passkey that was made with the options. Raises StepUpRequired, BadPasskey, PasskeyTaken, TooManyPasskeys."""
        ...

    @query
    async def passkeys(self, actor: Actor) -> Passkeys:
        """Return the passkeys of the actor's person."""
        ...

    @command
    async def remove_passkey(self, actor: Actor, passkey_id: UUID) -> None:
        """Take a passkey no longer. Raises StepUpRequired, UnknownPasskey."""
        ...

    @command
    async def passkey_sign_in_options(self) -> PasskeyOptions:
        """Return what a browser signs in by passkey with, whoever it is."""
        ...

    @command
    async def sign_in_by_passkey(self, credential: Assertion, client: Client) -> SignedIn:
        """Sign in the person whose passkey this is; it counts as two factors. Raises WrongPasskey, NoCompany."""
        ...

    @command
    async def step_up_options(self, actor: Actor) -> PasskeyOptions:
        """Return what a browser asks one of the actor's passkeys with, to prove again who they are."""
        ...

    @command
    async def step_up(self, actor: Actor, proof: Proof, client: Client) -> Proved:
        """Note that the person has proved again who they are: this session may change what protects the account for five minutes.

        Who has an authenticator app gives a code of it or a recovery code; a password is enough for who has none; a passkey always is.
        Raises NothingProved, WrongCredentials, OtpRequired, WrongOtp, WrongPasskey, TooManyFailures, Overloaded.
        """
        ...
