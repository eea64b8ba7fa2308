"""ID tokens of other providers: read strictly, then checked with the provider's keys.

No token library stands between: python-jose knows neither PS256 nor EdDSA, and takes what no standard allows. See the decision record 0011.
"""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from converto.auth.compact import decoded, refused, unique
from converto.kernel.interface import Value

MAX_BYTES: Final = 16_384
LEEWAY_S: Final = 30
"""How far the provider's clock may be ahead of ours. The end of a token knows no leeway."""
NEWEST_S: Final = 600
"""A token that was signed longer ago was not signed for this sign-in."""
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_HEADER_NAMES = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
"""Others point to keys, ask for extensions, or are not of ID tokens; the thumbprints of certificates are let be."""
_MAX_BRACKETS = 64
_MAX_KEYS = 50
_RSA_BITS = range(2048, 8193)
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_KINDS: Final[Mapping[str, type[PublicKey]]] = {
    "RS256": rsa.RSAPublicKey,
    "PS256": rsa.RSAPublicKey,
    "ES256": ec.EllipticCurvePublicKey,
    "EdDSA": ed25519.Ed25519PublicKey,
}


class BadIdToken(Exception):
    """The token is malformed, forged, out of date, or not for us; the message is for the log alone."""


class UnknownKey(BadIdToken):
    """None of the keys known has signed the token: the provider may have changed them."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a provider."""

    kid: str | None
    algorithm: str | None
    """The only one that it may be used with, where the provider says so."""
    public: PublicKey


class IdClaims(Value):
    """What a provider says of a person."""

    sub: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say to be ours."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: Sequence[str]


def keys_of(document: object) -> tuple[Key, ...]:
    """Return the keys of a JWK set that can check signatures; others are passed over."""
    listed = document.get("keys") if type(document) is dict else None
    if type(listed) is not list:
        return ()
    found = (_key(entry) for entry in listed[:_MAX_KEYS] if type(entry) is dict)
    return tuple(key for key in found if key is not None)


def claims_of(token: str, keys: Sequence[Key], expected: Expected, *, access_token: str | None, at: datetime) -> IdClaims:
    """Return what a token says if it is for this sign-in. Raises UnknownKey, BadIdToken, and never anything else."""
    try:
        return _checked(token, keys, expected, access_token=access_token, second=at.timestamp())
    except BadIdToken:
        raise
    except Exception as error:
        # Whatever a hostile token breaks in a parser, it is refused.
        raise BadIdToken(type(error).__name__) from error


def json_object(text: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError for duplicate names, NaN, what is nested deep, and what is no object."""
    if text.count(b"[") + text.count(b"{") > _MAX_BRACKETS * _MAX_KEYS:
        msg = "nested too deep"
        raise ValueError(msg)
    found = json.loads(text.decode("utf-8", "strict"), object_pairs_hook=unique, parse_constant=refused)
    if type(found) is not dict:
        msg = "not an object"
        raise ValueError(msg)
    return dict(found)


def _checked(token: str, keys: Sequence[Key], expected: Expected, *, access_token: str | None, second: float) -> IdClaims:
    _insist(len(token) <= MAX_BYTES, "too long")
    match = _COMPACT.fullmatch(token)
    if match is None:
        _fail("not a compact token")
    header_bytes, claims_bytes, signature = (decoded(segment) for segment in match.groups())
    _insist(claims_bytes.count(b"[") + claims_bytes.count(b"{") <= _MAX_BRACKETS, "nested")
    header, claims = json_object(header_bytes), json_object(claims_bytes)
    algorithm = _algorithm(header, expected.algorithms)
    signed = token.rpartition(".")[0].encode()
    if not any(_is_signed(key.public, algorithm, signed, signature) for key in _fitting(keys, header, algorithm)):
        msg = "signature"
        raise UnknownKey(msg)
    _check_whom_for(claims, expected)
    _check_times(claims, second)
    if "at_hash" in claims:
        _insist(access_token is not None and claims["at_hash"] == at_hash(access_token, algorithm), "at_hash")
    return person_of(claims)


def _algorithm(header: Mapping[str, Any], allowed: Sequence[str]) -> str:
    _insist(header.keys() <= _HEADER_NAMES, "header names")
    algorithm = header.get("alg")
    if type(algorithm) is not str or algorithm not in allowed or algorithm not in _KINDS:
        _fail("algorithm")
    _insist(str(header.get("typ", "JWT")).upper() == "JWT", "type")
    return algorithm


def _fitting(keys: Sequence[Key], header: Mapping[str, Any], algorithm: str) -> Sequence[Key]:
    """Return the keys that a token may be checked with. Without a name there has to be exactly one of its kind."""
    fit = [key for key in keys if isinstance(key.public, _KINDS[algorithm]) and key.algorithm in {None, algorithm}]
    if "kid" in header:
        return [key for key in fit if key.kid is not None and key.kid == header["kid"]]
    return fit if len(fit) == 1 else []


def _is_signed(key: PublicKey, algorithm: str, signed: bytes, signature: bytes) -> bool:
    try:
        match key:
            case rsa.RSAPublicKey() if algorithm == "RS256":
                key.verify(signature, signed, padding.PKCS1v15(), SHA256())
            case rsa.RSAPublicKey():
                key.verify(signature, signed, padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size), SHA256())
            case ec.EllipticCurvePublicKey():
                _insist(len(signature) == 64, "signature")
                both = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
                key.verify(both, signed, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _check_whom_for(claims: Mapping[str, Any], expected: Expected) -> None:
    _insist(claims.get("iss") == expected.issuer, "issuer")
    audience = claims.get("aud")
    named = [audience] if type(audience) is str else audience
    if type(named) is not list:
        _fail("audience")
    _insist(expected.client_id in named and all(type(each) is str for each in named), "audience")
    party = claims.get("azp", expected.client_id if len(named) == 1 else None)
    _insist(party == expected.client_id, "authorized party")
    nonce = claims.get("nonce")
    _insist(type(nonce) is str and hmac.compare_digest(nonce.encode(), expected.nonce.encode()), "nonce")


def _check_times(claims: Mapping[str, Any], second: float) -> None:
    issued, ends, begins = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
    if type(issued) is not int or type(ends) is not int or type(begins) is not int:
        _fail("times")
    _insist(second - NEWEST_S <= issued <= second + LEEWAY_S and begins <= second + LEEWAY_S and second < ends, "times")


def at_hash(access_token: str, algorithm: str) -> str:
    """Return what binds an access token to an ID token that is signed so."""
    digest = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    whole = digest(access_token.encode()).digest()
    return urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()


def person_of(claims: Mapping[str, Any]) -> IdClaims:
    """Return the person that claims speak of. Raises BadIdToken."""
    subject, email, name = claims.get("sub"), claims.get("email"), claims.get("name")
    if type(subject) is not str or not 0 < len(subject) <= 255 or not subject.isascii() or not subject.isprintable():
        _fail("subject")
    return IdClaims(
        sub=subject,
        email=email if type(email) is str else None,
        # two large providers write the boolean as a text
        email_verified=claims.get("email_verified") is True or claims.get("email_verified") == "true",
        name=name if type(name) is str else None,
    )


def _key(entry: Mapping[str, Any]) -> Key | None:
    """Return a key of a set, or None for one that is of another kind, for another use, or too weak."""
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or type(operations) is not list or "verify" not in operations:
        return None
    kid, algorithm = entry.get("kid"), entry.get("alg")
    try:
        public = _public(entry)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if public is None:
        return None
    return Key(kid if type(kid) is str else None, algorithm if algorithm is None else str(algorithm), public)


def _public(entry: Mapping[str, Any]) -> PublicKey | None:
    match entry.get("kty"), entry.get("crv"):
        case "RSA", _:
            public = rsa.RSAPublicNumbers(e=_integer(entry["e"]), n=_integer(entry["n"])).public_key()
            return public if public.key_size in _RSA_BITS else None
        case "EC", "P-256":
            return ec.EllipticCurvePublicNumbers(_integer(entry["x"]), _integer(entry["y"]), ec.SECP256R1()).public_key()
        case "OKP", "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(decoded(entry["x"]))
    return None


def _integer(text: str) -> int:
    return int.from_bytes(decoded(text), "big")


def _insist(condition: bool, what: str) -> None:  # noqa: FBT001 - an assertion that -O does not remove
    if not condition:
        _fail(what)


def _fail(what: str) -> NoReturn:
    raise BadIdToken(what)
