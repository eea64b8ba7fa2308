"""What other modules, and the REST API, may ask of the keeper of people and companies."""

from typing import Protocol

from converto.auth.account.interface import Account
from converto.auth.api_keys.interface import ApiKeys
from converto.auth.companies.interface import Companies
from converto.auth.factors.interface import Factors
from converto.auth.federation.interface import Federation
from converto.auth.people import KeySet
from converto.auth.records.interface import Records
from converto.auth.sign_in.interface import SignIn
from converto.kernel.actor import Actor
from converto.kernel.interface import query


class Auth(SignIn, Account, Factors, Federation, Companies, Records, ApiKeys, Protocol):
    """People, companies, sessions, keys and tokens."""

    @query(timeout_s=5)
    async def authenticate(self, access_token: str, *, address: str | None = None) -> Actor:
        """Return whom an access token or an API key stands for, if it is still good; `address` is where it comes from.

        Raises InvalidToken; WrongNetwork for a key that is not good from there.
        """
        ...

    @query
    async def key_set(self) -> KeySet:
        """Return the public keys that access tokens are signed with."""
        ...
