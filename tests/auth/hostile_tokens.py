"""Access tokens that an attacker might send, each by a name that says what is wrong with it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from converto.auth.keys import SigningKey

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
Named = Iterator[tuple[str, object]]


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_signature(key: SigningKey, signed: bytes) -> bytes:
    r, s = decode_dss_signature(key.private.sign(signed, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(key: SigningKey, header: str | bytes, claims: str | bytes) -> str:
    """Return a token that is signed as it should be, around whatever it holds."""
    parts = (part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in (header, claims))
    body = ".".join(encoded(part) for part in parts)
    return f"{body}.{encoded(raw_signature(key, body.encode()))}"


class Forger:
    """Makes hostile tokens out of one good one. `key` is the installation's own, so that most of them are even well signed."""

    def __init__(self, key: SigningKey, header: Mapping[str, Any], claims: Mapping[str, Any], foreign: SigningKey) -> None:
        self.key, self.header, self.claims, self.foreign = key, dict(header), dict(claims), foreign
        self.good = signed(key, json.dumps(self.header), json.dumps(self.claims))

    def all(self) -> Named:
        """Yield every hostile token with its name."""
        makers: tuple[Callable[[], Named], ...] = (
            self.algorithms,
            self.headers,
            self.key_names,
            self.missing_and_mistyped_claims,
            self.wrong_claims,
            self.times,
            self.ambiguous_json,
            self.odd_encodings,
            self.signatures,
            self.shapes,
        )
        for maker in makers:
            for name, token in maker():
                yield f"{maker.__name__}: {name}", token

    def with_header(self, **changes: Any) -> str:
        return signed(self.key, json.dumps({**self.header, **changes}), json.dumps(self.claims))

    def with_claims(self, **changes: Any) -> str:
        return signed(self.key, json.dumps(self.header), json.dumps({**self.claims, **changes}))

    def unsigned(self, signature: bytes | str, **header: Any) -> str:
        body = f"{encoded(json.dumps({**self.header, **header}).encode())}.{encoded(json.dumps(self.claims).encode())}"
        return f"{body}.{signature if isinstance(signature, str) else encoded(signature)}"

    def algorithms(self) -> Named:
        for alg in (
            "none",
            "None",
            "NONE",
            "nOnE",
            "none ",
            "",
            "es256",
            "ES384",
            "ES512",
            "ES256K",
            "RS256",
            "PS256",
            "HS256",
            "EdDSA",
            "HS1",
            "dir",
        ):
            yield f"alg {alg!r}, well signed", self.with_header(alg=alg)
            yield f"alg {alg!r}, no signature", self.unsigned("", alg=alg)
        wrong: tuple[Any, ...] = (None, 0, True, [], ["ES256"], {"ES256": 1}, 256.0)
        for alg in wrong:
            yield f"alg {alg!r}", self.with_header(alg=alg)
        public = self.key.public
        secrets = {
            "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "PEM without its last newline": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
            "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "point": public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
            "kid": self.key.kid.encode(),
            "nothing": b"",
        }
        for name, secret in secrets.items():
            for alg, digest in (("HS256", "sha256"), ("HS512", "sha512"), ("ES256", "sha512")):
                body = self.unsigned("", alg=alg).rstrip(".")
                yield f"{alg} with the public key as secret ({name})", f"{body}.{encoded(hmac.new(secret, body.encode(), digest).digest())}"

    def headers(self) -> Named:
        jwk = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": self.key.kid}
        extra: dict[str, Any] = {
            "jwk": jwk,
            "jku": "https://evil.example/keys",
            "x5u": "https://evil.example/certificate",
            "x5c": ["MIIB"],
            "x5t": "AA",
            "x5t#S256": "AA",
            "crit": ["exp"],
            "b64": False,
            "zip": "DEF",
            "cty": "JWT",
            "enc": "A256GCM",
            "epk": jwk,
            "apu": "AA",
            "p2c": 2**31,
            "ALG": "ES256",
            "Kid": self.key.kid,
            "exp": 2**40,
            "": "",
            "nested": [[[[1]]]],
        }
        for name, value in extra.items():
            yield f"with {name!r}", self.with_header(**{name: value})
        yield "crit naming b64, and b64", self.with_header(crit=["b64"], b64=False)
        for typ in ("JWT", "jwt", "at+JWT", "AT+JWT", "application/at+jwt", "rt+jwt", "at+jwt ", "at+jwt\u0000", "", None, 1, ["at+jwt"]):
            yield f"typ {typ!r}", self.with_header(typ=typ)
        for name in self.header:
            yield (
                f"without {name}",
                signed(self.key, json.dumps({k: v for k, v in self.header.items() if k != name}), json.dumps(self.claims)),
            )
        for header in ("[]", "{}", "null", "1", '"ES256"', "", "{", "[" * 200, '{"alg":"ES256"', "\ufeff" + json.dumps(self.header)):
            yield f"header {header[:20]!r}", signed(self.key, header, json.dumps(self.claims))

    def key_names(self) -> Named:
        names: tuple[Any, ...] = (
            "",
            "0",
            "unknown",
            "../../../../dev/null",
            "/dev/null",
            "' OR '1'='1",
            "key\u0000",
            f"{self.key.kid} ",
            self.key.kid.upper() + "A",
            self.key.kid[:-1],
            "http://evil.example/key",
            "|/bin/true",
            "\ud800",
            None,
            0,
            True,
            [self.key.kid],
            {"kid": self.key.kid},
        )
        for name in names:
            yield f"kid {name!r}", self.with_header(kid=name)
        yield "a foreign key under our kid", signed(self.foreign, json.dumps(self.header), json.dumps(self.claims))
        yield (
            "a foreign key under its own kid",
            signed(self.foreign, json.dumps({**self.header, "kid": self.foreign.kid}), json.dumps(self.claims)),
        )

    def missing_and_mistyped_claims(self) -> Named:
        for name, value in self.claims.items():
            kept = {key: other for key, other in self.claims.items() if key != name}
            yield f"without {name}", signed(self.key, json.dumps(self.header), json.dumps(kept))
            wrong: tuple[Any, ...] = (None, True, [value], {"is": value}, float("nan"), -1)
            for other in (*wrong, str(value) if isinstance(value, int) else 7):
                yield f"{name} is {type(other).__name__} {other!r}"[:60], self.with_claims(**{name: other})
        for claims in ("[]", "{}", "null", "true", "1", '"claims"', "", "{", '{"iss":', "[" * 250, '{"a":' * 150, "\x00", "{}{}"):
            yield f"claims {claims[:20]!r}", signed(self.key, json.dumps(self.header), claims)

    def wrong_claims(self) -> Named:
        for name in ("iss", "aud"):
            for value in (
                "",
                "other",
                f"{self.claims[name]} ",
                f"{self.claims[name]}/",
                str(self.claims[name]).upper(),
                [self.claims[name]],
                [self.claims[name], "other"],
            ):
                yield f"{name} {value!r}", self.with_claims(**{name: value})
        for name in ("sub", "sid", "tid", "jti"):
            identity = str(self.claims[name])
            for value in (
                "",
                "1",
                identity.upper(),
                identity.replace("-", ""),
                f"{{{identity}}}",
                f"urn:uuid:{identity}",
                identity + "0",
                "\ud800" + identity[1:],
            ):
                yield f"{name} {value!r}", self.with_claims(**{name: value})
        for role in ("root", "OWNER", "", "owner,admin", "service", "own\u0435r"):
            yield f"role {role!r}", self.with_claims(rol=role)
        yield "a claim more that is nested", self.with_claims(more={"scopes": ["*"]})
        yield "a claim more that is half a character", self.with_claims(more="\udfff")
        yield "a claim's name that is half a character", self.with_claims(**{"\ud800": 1})

    def times(self) -> Named:
        now = int(self.claims["iat"])
        moments: dict[str, int] = {
            "expired": now - 1,
            "expired now": now,
            "0": 0,
            "huge": 2**63,
            "beyond float": 10**400,
            "for ever": now + 10**9,
        }
        for name, moment in moments.items():
            yield f"exp {name}", self.with_claims(exp=moment)
        for name, value in {
            "float": now + 600.0,
            "exponent": 1e9,
            "text": str(now + 600),
            "infinite": float("inf"),
            "not a number": float("nan"),
        }.items():
            yield f"exp {name}", self.with_claims(exp=value)
        yield "exp with five thousand digits is too long", signed(self.key, json.dumps(self.header), '{"exp":' + "9" * 5000 + "}")
        yield "nbf to come", self.with_claims(nbf=now + 60)
        yield "iat to come", self.with_claims(iat=now + 60, nbf=now + 60)
        yield "nbf before iat", self.with_claims(nbf=now - 60)
        yield "exp before iat", self.with_claims(exp=now - 600)
        yield "an hour long", self.with_claims(exp=now + 3600)

    def ambiguous_json(self) -> Named:
        header, claims = json.dumps(self.header), json.dumps(self.claims)
        for name, value in self.claims.items():
            twice = claims[:-1] + f", {json.dumps(name)}: {json.dumps(value)}}}"
            yield f"claim {name} twice", signed(self.key, header, twice)
        escaped = claims[:-1] + ', "\\u0073ub": "' + str(self.claims["sub"]) + '"}'
        yield "claim sub twice, once escaped", signed(self.key, header, escaped)
        for name, value in self.header.items():
            yield f"header {name} twice", signed(self.key, header[:-1] + f', "{name}": {json.dumps(value)}}}', claims)
        yield "trailing comma", signed(self.key, header, claims[:-1] + ",}")
        yield "a comment", signed(self.key, header, claims[:-1] + "/* */}")
        yield "single quotes", signed(self.key, header, claims.replace('"', "'"))
        yield "more after the object", signed(self.key, header, claims + "{}")
        yield "UTF-16", signed(self.key, header, claims.encode("utf-16"))
        yield "a byte order mark", signed(self.key, header, b"\xef\xbb\xbf" + claims.encode())
        yield "not UTF-8", signed(self.key, header, claims.encode() + b"\xff")
        yield "overlong UTF-8", signed(self.key, header, claims.encode().replace(b"owner", b"\xc1\xaf\xc1\xb7ner"))
        yield "a bare surrogate in UTF-8", signed(self.key, header, claims[:-1] + ', "more": "\ud800"}')
        yield "a leading zero", signed(self.key, header, claims.replace('"ver": 1', '"ver": 01'))
        yield "a plus sign", signed(self.key, header, claims.replace('"ver": 1', '"ver": +1'))
        yield "a minus sign", signed(self.key, header, claims.replace('"ver": 1', '"ver": -1'))
        yield "Infinity", signed(self.key, header, claims[:-1] + ', "more": Infinity}')
        yield "a number with a point", signed(self.key, header, claims[:-1] + ', "more": 1.5}')

    def odd_encodings(self) -> Named:
        head, body, signature = self.good.split(".")
        for place in range(3):
            parts = [head, body, signature]
            for name, change in (
                ("padding", parts[place] + "="),
                ("double padding", parts[place] + "=="),
                ("a newline", parts[place] + "\n"),
                ("a blank", " " + parts[place]),
                ("a blank within", parts[place][:4] + " " + parts[place][4:]),
                ("a NUL", parts[place] + "\0"),
                ("standard base64", "+/" + parts[place][2:]),
                ("a sign more", parts[place] + "A"),
                ("a sign less", parts[place][:-1]),
                ("a fullwidth letter", "\uff41" + parts[place][1:]),
                ("nothing", ""),
            ):
                yield f"segment {place} with {name}", ".".join([*parts[:place], change, *parts[place + 1 :]])
        # 86 signs hold 516 bits for 512: the last one has four spellings, of which one is right.
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(signature[-1])
        for other in range(last & ~15, (last & ~15) + 16):
            if other != last:
                yield f"a last sign spelt otherwise ({other})", f"{head}.{body}.{signature[:-1]}{alphabet[other]}"

    def signatures(self) -> Named:
        body = self.good.rpartition(".")[0]
        pair = raw_signature(self.key, body.encode())
        r, s = int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big")
        for name, (first, second) in {
            "r = s = 0": (0, 0),
            "r = 0": (0, s),
            "s = 0": (r, 0),
            "r = s = 1": (1, 1),
            "r = n": (ORDER, s),
            "s = n": (r, ORDER),
            "r = s = n": (ORDER, ORDER),
            "r = n, s = 1": (ORDER, 1),
            "s = 1": (r, 1),
            "all ones": (2**256 - 1, 2**256 - 1),
            "n - 1": (ORDER - 1, ORDER - 1),
            "mixed": (s, r),
        }.items():
            yield name, f"{body}.{encoded(first.to_bytes(32, 'big') + second.to_bytes(32, 'big'))}"
        der = self.key.private.sign(body.encode(), ec.ECDSA(hashes.SHA256()))
        yield "DER", f"{body}.{encoded(der)}"
        yield "DER cut to 64 bytes", f"{body}.{encoded(der[:64])}"
        yield "with SHA-512", f"{body}.{encoded(raw_signature(self.key, hashlib.sha512(body.encode()).digest()))}"
        yield "of the claims alone", f"{body}.{encoded(raw_signature(self.key, body.split('.')[1].encode()))}"
        yield "of other claims", f"{self.with_claims(rol='viewer').rpartition('.')[0]}.{self.good.rpartition('.')[2]}"
        yield "by RSA", f"{body}.{encoded(rsa.generate_private_key(65537, 2048).sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
        for size in (0, 1, 32, 63, 65, 96, 128):
            yield f"{size} zero bytes", f"{body}.{encoded(bytes(size))}"
        yield "with a byte before", f"{body}.{encoded(bytes(1) + raw_signature(self.key, body.encode()))}"

    def shapes(self) -> Named:
        head, body, signature = self.good.split(".")
        quoted = json.dumps({"payload": body, "protected": head, "signature": signature})
        yield from {"empty": "", "a dot": ".", "two dots": "..", "three dots": "...", "many dots": "." * 100_000}.items()
        yield from {"one segment": head, "two segments": f"{head}.{body}", "four segments": f"{self.good}.{signature}"}.items()
        yield from {"five segments (JWE)": f"{self.good}.{head}.{body}", "doubled": self.good * 2, "huge": "A" * 10_000_000}.items()
        yield from {"leading dot": f".{self.good}", "trailing dot": f"{self.good}.", "with a newline": f"{self.good}\n"}.items()
        yield from {"with its scheme": f"Bearer {self.good}", "quoted": f'"{self.good}"', "with blanks": f"  {self.good}  "}.items()
        yield from {"the other way round": f"{signature}.{body}.{head}", "JSON serialisation": quoted, "an API key": "cvt_live_0_0"}.items()
        yield from {"NUL": "\0", "half a character": "\ud800", "emoji": "\U0001f511", "right-to-left mark": f"\u200f{self.good}"}.items()
        yield from {"None": None, "bytes": self.good.encode(), "number": 7, "list": [self.good]}.items()
        yield "long but well signed", self.with_claims(more="x" * 2000)
