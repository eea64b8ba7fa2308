"""One provider of OpenID Connect, as its discovery document describes it."""

import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

from converto.auth.federation.id_tokens import BadIdToken, Expected, IdClaims, Key, UnknownKey, claims_of, json_object, keys_of, person_of
from converto.auth.settings import OidcProvider
from converto.kernel.clock import now
from converto.kernel.outgoing.asking import Asking, Unreachable

KNOWN_FOR_S: Final = 3600.0
"""How long a provider's document and keys are believed; a key that is not known has them read again at once."""


class NotAccepted(Exception):
    """The provider refuses the code, or answers what is no answer to it; the message is for the log alone."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a provider says of itself."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    sends_iss: bool
    """Whether every answer of it names itself (RFC 9207)."""
    secret_in_body: bool


class OidcClient:
    """Sends people to a provider, and reads what it says of them."""

    def __init__(self, name: str, settings: OidcProvider, asking: Asking, *, redirect_uri: str) -> None:
        self.name = name
        self.title = settings.title or name
        self.issuer = settings.issuer
        self._settings = settings
        self._asking = asking
        self._redirect_uri = redirect_uri
        self._document: tuple[float, Document] | None = None
        self._keys: tuple[float, tuple[Key, ...]] | None = None

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent. Raises Unreachable."""
        endpoint = (await self._described()).authorization_endpoint
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def require_own(self, iss: str | None) -> None:
        """Go on only where an answer is this provider's: another could otherwise have its code brought here. Raises NotAccepted."""
        missing = iss is None and (await self._described()).sends_iss
        if missing or (iss is not None and iss != self.issuer):
            msg = "the answer names another provider, or none"
            raise NotAccepted(msg)

    async def person(self, code: str, *, verifier: str, nonce: str) -> IdClaims:
        """Return whom a code stands for. Raises NotAccepted, BadIdToken, Unreachable."""
        answer = await self._exchanged(code, verifier)
        token, access_token = answer.get("id_token"), answer.get("access_token")
        if type(token) is not str:
            msg = "no ID token"
            raise NotAccepted(msg)
        access_token = access_token if type(access_token) is str else None
        claims = await self._verified(token, nonce=nonce, access_token=access_token)
        if claims.email is None and access_token is not None:
            return await self._described_at_length(claims, access_token)
        return claims

    async def _verified(self, token: str, *, nonce: str, access_token: str | None) -> IdClaims:
        expected = Expected(self.issuer, self._settings.client_id, nonce, self._settings.algorithms)
        try:
            return claims_of(token, await self._known_keys(), expected, access_token=access_token, at=now())
        except UnknownKey:
            self._keys = None  # it may have a new one
            return claims_of(token, await self._known_keys(), expected, access_token=access_token, at=now())

    async def _exchanged(self, code: str, verifier: str) -> Mapping[str, Any]:
        document, own = await self._described(), self._settings
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri, "code_verifier": verifier}
        headers = {}
        if own.client_secret is None:
            fields["client_id"] = own.client_id
        elif document.secret_in_body:
            fields |= {"client_id": own.client_id, "client_secret": own.client_secret.get_secret_value()}
        else:
            both = f"{quote_plus(own.client_id)}:{quote_plus(own.client_secret.get_secret_value())}"
            headers["authorization"] = f"Basic {b64encode(both.encode()).decode()}"
        status, body = await self._asking.post_form(document.token_endpoint, fields, headers=headers)
        if status >= 500:
            msg = f"the token endpoint answered {status}"
            raise Unreachable(msg)
        if status != 200:
            msg = f"the code was answered with {status}"
            raise NotAccepted(msg)
        return _object(body)

    async def _described_at_length(self, claims: IdClaims, access_token: str) -> IdClaims:
        """Return the claims with what the provider says elsewhere: some put no more than the subject into the token."""
        endpoint = (await self._described()).userinfo_endpoint
        if endpoint is None:
            return claims
        said = person_of(_object(await self._asking.get(endpoint, headers={"authorization": f"Bearer {access_token}"})))
        if said.sub != claims.sub:
            msg = "userinfo of somebody else"
            raise BadIdToken(msg)
        return said

    async def _known_keys(self) -> tuple[Key, ...]:
        if self._keys is None or time.monotonic() - self._keys[0] > KNOWN_FOR_S:
            body = await self._asking.get((await self._described()).jwks_uri)
            self._keys = (time.monotonic(), keys_of(_object(body)))
        return self._keys[1]

    async def _described(self) -> Document:
        if self._document is None or time.monotonic() - self._document[0] > KNOWN_FOR_S:
            said = _object(await self._asking.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"))
            self._document = (time.monotonic(), self._read(said))
        return self._document[1]

    def _read(self, said: Mapping[str, Any]) -> Document:
        if said.get("issuer") != self.issuer:
            msg = "the document is another issuer's"
            raise Unreachable(msg)
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Document(
            authorization_endpoint=self._address(said, "authorization_endpoint"),
            token_endpoint=self._address(said, "token_endpoint"),
            jwks_uri=self._address(said, "jwks_uri"),
            userinfo_endpoint=self._address(said, "userinfo_endpoint") if "userinfo_endpoint" in said else None,
            sends_iss=said.get("authorization_response_iss_parameter_supported") is True,
            secret_in_body=type(methods) is list and "client_secret_basic" not in methods and "client_secret_post" in methods,
        )

    def _address(self, said: Mapping[str, Any], name: str) -> str:
        """Return one of the provider's addresses: as well protected as the provider's own."""
        address = said.get(name)
        allowed = ("https",) if self.issuer.startswith("https:") else ("https", "http")
        if type(address) is not str or not address.isascii() or not address.isprintable() or urlsplit(address).scheme not in allowed:
            msg = f"no good {name}"
            raise Unreachable(msg)
        return address


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return json_object(body)
    except (ValueError, RecursionError) as error:
        msg = "the answer is not JSON"
        raise Unreachable(msg) from error
