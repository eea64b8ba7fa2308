"""Passkeys as the W3C has them: what is asked of a browser, and whether its answer is one.

The signatures and the shapes are py_webauthn's affair; what it lets through and we do not is refused here: pages of others that hold ours
in a frame, makers' certificates that nobody asked for, and algorithms that were not offered.
"""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from converto.auth.factors.interface import Assertion, NewCredential

if TYPE_CHECKING:
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

T = TypeVar("T")
CHALLENGE_BYTES: Final = 32
TIMEOUT_MS: Final = 300_000
ALGORITHMS: Final = (-7, -8, -257)
"""ES256, EdDSA and RS256, as COSE numbers them."""
ATTESTATIONS: Final = frozenset({"none", "packed"})
"""None is what is asked for; a device that vouches for itself says `packed`."""


class Refused(Exception):
    """The answer of a browser is not one to what was asked."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whom passkeys are made for."""

    id: str
    name: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """A key that a device has made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool


def party(name: str, public_url: str, *, rp_id: str | None, origins: Sequence[str]) -> Party:
    """Return whom passkeys are made for: by default the public URL's own name. On one's own machine this is `localhost`.

    Browsers take no passkey for a bare address such as 127.0.0.1.
    """
    split = urlsplit(public_url)
    host = split.hostname or "localhost"
    own = f"{split.scheme}://{split.netloc}"
    if host in {"127.0.0.1", "::1"}:
        host, own = "localhost", f"{split.scheme}://localhost{f':{split.port}' if split.port else ''}"
    return Party(rp_id or host, name, tuple(origins) or (own,))


class Ceremonies:
    """Makes options and checks answers, for one relying party."""

    def __init__(self, of: Party) -> None:
        self._party = of

    def creation_options(
        self, challenge: bytes, *, user_handle: bytes, email: str, full_name: str, known: Sequence[bytes]
    ) -> dict[str, Any]:
        """Return what a browser makes a passkey with, on a device that has none of the known ones."""
        return {
            "rp": {"id": self._party.id, "name": self._party.name},
            "user": {"id": encoded(user_handle), "name": email, "displayName": full_name},
            "challenge": encoded(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
            "timeout": TIMEOUT_MS,
            "excludeCredentials": _named(known),
            "authenticatorSelection": {"residentKey": "required", "requireResidentKey": True, "userVerification": "required"},
            "attestation": "none",
        }

    def request_options(self, challenge: bytes, *, allowed: Sequence[bytes] = ()) -> dict[str, Any]:
        """Return what a browser asks a passkey with: one of those allowed, or any where none is named."""
        return {
            "challenge": encoded(challenge),
            "timeout": TIMEOUT_MS,
            "rpId": self._party.id,
            "allowCredentials": _named(allowed),
            "userVerification": "required",
        }

    async def registered(self, credential: NewCredential, challenge: bytes) -> Registered:
        """Return the key of a new passkey. Raises Refused."""
        return await _beside(lambda: self._registered(credential, challenge))

    async def sign_count(self, assertion: Assertion, challenge: bytes, *, public_key: bytes, sign_count: int) -> int:
        """Return the device's counter after a signature with a known key. Raises Refused, also where the counter has not gone up."""
        return await _beside(lambda: self._sign_count(assertion, challenge, public_key, sign_count))

    def _registered(self, credential: NewCredential, challenge: bytes) -> Registered:
        # 8 MB and a seventh of a second, which only a passkey needs
        from webauthn import verify_registration_response  # noqa: PLC0415
        from webauthn.helpers import parse_attestation_object  # noqa: PLC0415

        _require_own_page(credential.response.clientDataJSON)
        if parse_attestation_object(decoded(credential.response.attestationObject)).fmt not in ATTESTATIONS:
            raise Refused
        made = verify_registration_response(
            credential=credential.model_dump(),
            expected_challenge=challenge,
            expected_rp_id=self._party.id,
            expected_origin=[*self._party.origins],
            require_user_verification=True,
            supported_pub_key_algs=_offered(),
        )
        if made.credential_id != decoded(credential.id):
            raise Refused
        return Registered(made.credential_id, made.credential_public_key, made.sign_count, made.credential_device_type == "multi_device")

    def _sign_count(self, assertion: Assertion, challenge: bytes, public_key: bytes, sign_count: int) -> int:
        from webauthn import verify_authentication_response  # noqa: PLC0415 - see above

        _require_own_page(assertion.response.clientDataJSON)
        signed = verify_authentication_response(
            credential=assertion.model_dump(),
            expected_challenge=challenge,
            expected_rp_id=self._party.id,
            expected_origin=[*self._party.origins],
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
        return signed.new_sign_count


def challenge_in(client_data: str) -> bytes:
    """Return the challenge that a browser says it was given. Raises Refused."""
    try:
        return decoded(_client_data(client_data)["challenge"])
    except Exception as error:
        raise Refused from error


def encoded(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return the bytes of base64url. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def decoded_or_nothing(text: str) -> bytes:
    """Return the bytes of base64url; of what is none no bytes, which no passkey is called."""
    try:
        return decoded(text)
    except ValueError:
        return b""


def _client_data(text: str) -> dict[str, Any]:
    found = json.loads(decoded(text).decode("utf-8", "strict"))
    if type(found) is not dict:
        raise Refused
    return dict(found)


def _require_own_page(client_data: str) -> None:
    """Go on only where the page that asked was ours itself, and no frame in a page of others."""
    said = _client_data(client_data)
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise Refused


def _offered() -> list["COSEAlgorithmIdentifier"]:
    from webauthn.helpers.cose import COSEAlgorithmIdentifier  # noqa: PLC0415 - see above

    return [COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS]


def _named(credentials: Sequence[bytes]) -> list[dict[str, str]]:
    return [{"type": "public-key", "id": encoded(each)} for each in credentials]


async def _beside(check: Callable[[], T]) -> T:
    """Check beside the event loop; whatever a hostile answer breaks in a parser, it is refused."""
    try:
        return await asyncio.to_thread(check)
    except Refused:
        raise
    except Exception as error:
        raise Refused from error
