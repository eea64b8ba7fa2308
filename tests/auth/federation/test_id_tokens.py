import itertools
import time
from collections.abc import Callable

import pytest

from converto.auth.federation.interface import OidcRefused
from tests.auth.federation.conftest import Federated
from tests.auth.federation.provider import Claims, SigningKey, encoded, without_signature

_numbers = itertools.count(1)


def new_email() -> str:
    return f"by.token{next(_numbers)}@example.fi"


def _second() -> int:
    return int(time.time())


LIES: dict[str, Callable[[Claims], Claims]] = {
    "wrong nonce": lambda said: {**said, "nonce": "another"},
    "no nonce": lambda said: {name: value for name, value in said.items() if name != "nonce"},
    "nonce of another type": lambda said: {**said, "nonce": [said["nonce"]]},
    "another audience": lambda said: {**said, "aud": "somebody else"},
    "no audience": lambda said: {**said, "aud": []},
    "several audiences and no party": lambda said: {**said, "aud": [said["aud"], "somebody else"]},
    "several audiences and another party": lambda said: {**said, "aud": [said["aud"], "somebody else"], "azp": "somebody else"},
    "another party": lambda said: {**said, "azp": "somebody else"},
    "another issuer": lambda said: {**said, "iss": "http://127.0.0.1:2"},
    "an issuer with a slash": lambda said: {**said, "iss": f"{said['iss']}/"},
    "expired": lambda said: {**said, "exp": _second() - 1},
    "expires never": lambda said: {name: value for name, value in said.items() if name != "exp"},
    "expires as a text": lambda said: {**said, "exp": str(said["exp"])},
    "expires as true": lambda said: {**said, "exp": True},
    "from the future": lambda said: {**said, "iat": _second() + 120},
    "from long ago": lambda said: {**said, "iat": _second() - 3600},
    "issued never": lambda said: {name: value for name, value in said.items() if name != "iat"},
    "not yet": lambda said: {**said, "nbf": _second() + 120},
    "at_hash of another": lambda said: {**said, "at_hash": encoded(bytes(16))},
    "at_hash that is no text": lambda said: {**said, "at_hash": None},
    "no subject": lambda said: {name: value for name, value in said.items() if name != "sub"},
    "an empty subject": lambda said: {**said, "sub": ""},
    "a subject that is no text": lambda said: {**said, "sub": 1},
    "a long subject": lambda said: {**said, "sub": "x" * 256},
    "a huge token": lambda said: {**said, "more": "x" * 20_000},
    "a deep token": lambda said: {**said, "more": [[[[[[[[]]]]]]]] * 20},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(federated: Federated, lie: str) -> None:
    federated.provider.person["email"] = new_email()
    federated.provider.change = LIES[lie]

    with pytest.raises(OidcRefused):
        await federated.sign_in()


FORGERIES: dict[str, Callable[[SigningKey, Claims], str]] = {
    "alg none": lambda _, said: without_signature(said),
    "alg None": lambda _, said: without_signature(said, "None"),
    "no signature": lambda key, said: f"{key.token(said).rpartition('.')[0]}.",
    "a signature of zeros": lambda key, said: f"{key.token(said).rpartition('.')[0]}.{encoded(bytes(64))}",
    "a short signature": lambda key, said: f"{key.token(said).rpartition('.')[0]}.{encoded(bytes(63))}",
    "somebody else's signature": lambda key, said: SigningKey("ES256", key.kid).token(said),
    "another key with the name of ours": lambda key, said: SigningKey("EdDSA", key.kid).token(said),
    "an unknown key": lambda _, said: SigningKey("ES256", "unheard of").token(said),
    "another algorithm than the key's": lambda key, said: key.token(said, alg="RS256"),
    "a shared secret": lambda key, said: key.token(said, alg="HS256"),
    "its own key": lambda key, said: key.token(said, jwk=key.jwk()),
    "the address of a key": lambda key, said: key.token(said, jku="http://127.0.0.1:2/keys"),
    "a certificate": lambda key, said: key.token(said, x5c=["MIIB"]),
    "what must be understood": lambda key, said: key.token(said, crit=["b64"], b64=False),
    "an access token's type": lambda key, said: key.token(said, typ="at+jwt"),
    "a key name that is no text": lambda key, said: key.token(said, kid=["a"]),
    "padding": lambda key, said: f"{key.token(said)}=",
    "spaces": lambda key, said: f" {key.token(said)}",
    "four parts": lambda key, said: f"{key.token(said)}.AAAA",
    "two parts": lambda key, said: key.token(said).rpartition(".")[0],
    "nothing": lambda *_: "",
    "stray bits": lambda key, said: key.token(said)[:-1] + ("B" if key.token(said)[-1] != "B" else "C"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_token_that_the_provider_has_not_signed_is_refused(federated: Federated, forgery: str) -> None:
    federated.provider.key = SigningKey("ES256")
    federated.provider.person["email"] = new_email()
    federated.provider.make = lambda claims: FORGERIES[forgery](federated.provider.key, claims)

    with pytest.raises(OidcRefused):
        await federated.sign_in()


async def test_a_key_without_a_name_is_taken_where_it_is_the_only_one(federated: Federated) -> None:
    federated.provider.person["email"] = new_email()
    federated.provider.make = lambda claims: federated.provider.key.token(claims, kid=None, typ=None)

    await federated.sign_in()
