"""A provider of OpenID Connect for the tests: it signs for real, checks what it is given, and lies where it is told to."""

import asyncio
import hashlib
import json
import secrets
import socket
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote_plus

import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "converto at a provider", "a secret: of the client/0123456789"
Claims = dict[str, Any]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class SigningKey:
    """A key of the provider."""

    def __init__(self, algorithm: str, kid: str | None = None) -> None:
        self.algorithm = algorithm
        self.kid = kid or secrets.token_hex(4)
        self.private: PrivateKey
        match algorithm:
            case "RS256" | "PS256":
                self.private = rsa.generate_private_key(65537, 2048)
            case "ES256":
                self.private = ec.generate_private_key(ec.SECP256R1())
            case _:
                self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self) -> dict[str, str]:
        """Return the public half, as RFC 7517 writes it."""
        common = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        match self.private:
            case rsa.RSAPrivateKey() as key:
                numbers = key.public_key().public_numbers()
                return {**common, "kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
            case ec.EllipticCurvePrivateKey() as key:
                point = key.public_key().public_numbers()
                x, y = (encoded(each.to_bytes(32, "big")) for each in (point.x, point.y))
                return {**common, "kty": "EC", "crv": "P-256", "x": x, "y": y}
        return {**common, "kty": "OKP", "crv": "Ed25519", "x": encoded(self.private.public_key().public_bytes_raw())}

    def token(self, claims: Claims, **header: Any) -> str:
        """Return claims, signed; members of the header that are None are left out."""
        said = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **header}
        head = json.dumps({name: value for name, value in said.items() if value is not None})
        signed = f"{encoded(head.encode())}.{encoded(json.dumps(claims).encode())}"
        return f"{signed}.{encoded(self.signature(signed.encode()))}"

    def signature(self, signed: bytes) -> bytes:
        """Return the signature of some bytes."""
        match self.private:
            case rsa.RSAPrivateKey() as key if self.algorithm == "RS256":
                return key.sign(signed, padding.PKCS1v15(), SHA256())
            case rsa.RSAPrivateKey() as key:
                return key.sign(signed, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
            case ec.EllipticCurvePrivateKey() as key:
                r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(signed)


class Provider:
    """One provider, and the person who is signed in to it."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = SigningKey("ES256")
        self.reset()

    def reset(self) -> None:
        """Tell the truth again."""
        self.person: Claims = {"sub": secrets.token_hex(8), "email": "aino@example.fi", "email_verified": True, "name": "Aino Niemi"}
        self.change: Callable[[Claims], Claims] = lambda claims: claims
        self.make: Callable[[Claims], str] = lambda claims: self.key.token(claims)  # noqa: PLW0108 - the key may change
        self.says: Claims = {}
        """What the discovery document says otherwise; None for what it leaves out."""
        self.answer: Response | None = None
        """What the token endpoint answers in the place of tokens."""
        self.userinfo: Claims = {}
        self.asked: list[str] = []
        self._codes: dict[str, Claims] = {}

    def sent_back(self, asked: Claims, **otherwise: str) -> Claims:
        """Return what a browser is sent back with, for somebody who has agreed."""
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer, **otherwise}

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/userinfo", self._userinfo),
        ]

    async def _discovery(self, _: Request) -> Response:
        self.asked.append("discovery")
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
            **self.says,
        }
        return JSONResponse({name: value for name, value in said.items() if value is not None})

    async def _keys(self, _: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse({"keys": [{"kty": "oct", "k": "AAAA"}, self.key.jwk()]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        sent = self.sent_back(asked)
        return RedirectResponse(f"{asked['redirect_uri']}?{'&'.join(f'{name}={value}' for name, value in sent.items())}", 302)

    async def _token(self, request: Request) -> Response:
        self.asked.append("token")
        if self.answer is not None:
            return self.answer
        form = dict(await request.form())
        asked = self._codes.pop(str(form.get("code")), None)
        if not self._is_client(request, form) or asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        challenge = encoded(hashlib.sha256(str(form.get("code_verifier")).encode()).digest())
        if asked.get("code_challenge_method") != "S256" or challenge != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        second, access_token = int(time.time()), secrets.token_urlsafe(16)
        claims = {
            "iss": self.issuer, "aud": asked["client_id"], "iat": second, "exp": second + 300, "nonce": asked["nonce"],
            "at_hash": self.at_hash(access_token), **self.person,
        }  # fmt: skip
        return JSONResponse({"access_token": access_token, "token_type": "Bearer", "id_token": self.make(self.change(claims))})

    async def _userinfo(self, request: Request) -> Response:
        self.asked.append("userinfo")
        assert request.headers["authorization"].startswith("Bearer ")
        return JSONResponse(self.userinfo)

    def at_hash(self, access_token: str) -> str:
        """Return what binds an access token to the ID token."""
        if self.key.algorithm == "EdDSA":
            return encoded(hashlib.sha512(access_token.encode()).digest()[:32])
        return encoded(hashlib.sha256(access_token.encode()).digest()[:16])

    def _is_client(self, request: Request, form: Claims) -> bool:
        header = request.headers.get("authorization")
        if header is None:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        name, _, password = b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return (unquote_plus(name), unquote_plus(password)) == (CLIENT_ID, CLIENT_SECRET)


def without_signature(claims: Claims, algorithm: str = "none") -> str:
    """Return claims that nobody has signed."""
    return f"{encoded(json.dumps({'alg': algorithm}).encode())}.{encoded(json.dumps(claims).encode())}."


@asynccontextmanager
async def providing(*, at: Callable[[Provider], list[Route]] = Provider.routes) -> AsyncIterator[Provider]:
    """Serve a provider on a free port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        provider = Provider(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(Starlette(routes=at(provider)), lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        try:
            yield provider
        finally:
            server.should_exit = True
            await serving
