"""Access tokens: how they are signed, and the checks that come before the library is let near one.

Alone, python-jose takes tokens that no standard allows and leaks TypeError, OverflowError and RecursionError. So a token is
first read strictly here; the library then does nothing but the signature. It is imported by no other file.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from jose import jwk, jws
from jose.backends.base import Key

from converto.auth.compact import decoded, refused, unique
from converto.auth.keys import SigningKey
from converto.auth.people import InvalidToken, KeySet, PublicKey
from converto.auth.roles import Role
from converto.kernel.clock import new_id
from converto.kernel.interface import Value

ALGORITHM: Final = "ES256"
TYPE: Final = "at+jwt"
LIFETIME: Final = timedelta(minutes=10)
MAX_BYTES: Final = 1024
LEEWAY_S: Final = 5
"""How far the clock of the process that signed may be ahead of ours. The end of a token knows no leeway."""

_SEGMENT = "[A-Za-z0-9_-]+"
_COMPACT = re.compile(rf"({_SEGMENT})\.({_SEGMENT})\.([A-Za-z0-9_-]{{86}})", re.ASCII)
_HEADER_NAMES = frozenset({"alg", "kid", "typ"})
_MAX_BRACKETS = 8
_MAX_INTEGER = 2**53


class Claims(Value):
    """What a verified access token says; times are seconds since 1970."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID
    tid: UUID
    rol: Role
    ver: int
    iat: int
    nbf: int
    exp: int
    jti: UUID


class Signer:
    """Signs access tokens with one key."""

    def __init__(self, key: SigningKey, *, issuer: str, audience: str) -> None:
        self._kid = key.kid
        self._key = _library_key(key.private)
        self._issuer, self._audience = issuer, audience

    def token(self, *, user_id: UUID, tenant_id: UUID, session_id: UUID, role: Role, version: int, at: datetime) -> str:
        """Return an access token that is good for ten minutes from `at`; `version` is the session's."""
        second = int(at.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "tid": str(tenant_id),
            "rol": role.value,
            "ver": version,
            "iat": second,
            "nbf": second,
            "exp": second + int(LIFETIME.total_seconds()),
            "jti": str(new_id()),
        }
        return jws.sign(claims, self._key, headers={"kid": self._kid, "typ": TYPE}, algorithm=ALGORITHM)


class Verifier:
    """Checks access tokens against the keys of this installation."""

    def __init__(self, keys: Iterable[SigningKey], *, issuer: str, audience: str) -> None:
        self._keys = {key.kid: _library_key(key.public) for key in keys}
        self._issuer, self._audience = issuer, audience

    def claims(self, token: str, at: datetime) -> Claims:
        """Return what a token says if it is ours and in force at `at`. Raises InvalidToken, and never anything else."""
        try:
            return self._checked(token, at.timestamp())
        except InvalidToken:
            raise
        except Exception as error:
            # Whatever a hostile token breaks in a parser or in the library, the answer is the same 401.
            raise InvalidToken from error

    def _checked(self, token: str, second: float) -> Claims:
        _insist(len(token) <= MAX_BYTES)
        match = _COMPACT.fullmatch(token)
        if match is None:
            raise InvalidToken
        header_bytes, claims_bytes, _ = (decoded(segment) for segment in match.groups())
        header = _object(header_bytes)
        _insist(header.keys() == _HEADER_NAMES)
        _insist(header["alg"] == ALGORITHM and header["typ"] == TYPE)
        key = self._keys[_text(header["kid"])]
        claims = _read(_object(claims_bytes))
        _insist(claims.iss == self._issuer and claims.aud == self._audience)
        _insist(jws.verify(token, key, algorithms=[ALGORITHM]) == claims_bytes)
        _insist(claims.iat <= claims.nbf <= second + LEEWAY_S and second < claims.exp <= claims.iat + LIFETIME.total_seconds())
        return claims


def key_set(keys: Iterable[SigningKey]) -> KeySet:
    """Return the public halves of keys, for everybody to read."""
    return KeySet(keys=tuple(_public(key) for key in keys))


def _public(key: SigningKey) -> PublicKey:
    fields: Mapping[str, Any] = _library_key(key.public).to_dict()
    return PublicKey(x=fields["x"], y=fields["y"], kid=key.kid)


def _library_key(key: Any) -> Key:
    """Return a parsed key as the library wants it: made from the object, for its own parsing of a PEM takes milliseconds a call."""
    return jwk.construct(key, ALGORITHM)


def _insist(condition: bool) -> None:  # noqa: FBT001 - an assertion that -O does not remove
    if not condition:
        raise InvalidToken


def _object(text: bytes) -> dict[str, Any]:
    """Return a JSON object of texts and integers; refused are duplicate names, nesting, floats, NaN, booleans and null."""
    _insist(text.count(b"[") + text.count(b"{") <= _MAX_BRACKETS)
    found = json.loads(text.decode("utf-8", "strict"), object_pairs_hook=unique, parse_float=refused, parse_constant=refused)
    _insist(type(found) is dict)
    for name, value in found.items():
        name.encode("utf-8", "strict")
        _insist(type(value) in {str, int})
        if type(value) is str:
            value.encode("utf-8", "strict")
        else:
            _insist(0 <= value < _MAX_INTEGER)
    return dict(found)


def _text(value: object) -> str:
    if type(value) is not str:
        raise InvalidToken
    return value


def _identity(value: object) -> UUID:
    """Return a UUID that is spelt in the one canonical way."""
    identity = UUID(_text(value))
    _insist(str(identity) == value)
    return identity


def _integer(value: object) -> int:
    if type(value) is not int:
        raise InvalidToken
    return value


def _read(claims: Mapping[str, Any]) -> Claims:
    return Claims(
        iss=_text(claims["iss"]),
        aud=_text(claims["aud"]),
        sub=_identity(claims["sub"]),
        sid=_identity(claims["sid"]),
        tid=_identity(claims["tid"]),
        rol=Role(_text(claims["rol"])),
        ver=_integer(claims["ver"]),
        iat=_integer(claims["iat"]),
        nbf=_integer(claims["nbf"]),
        exp=_integer(claims["exp"]),
        jti=_identity(claims["jti"]),
    )
