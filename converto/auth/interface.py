"""What other modules, and the REST API, may ask of the keeper of people and companies."""

from typing import Protocol

from converto.auth.account.interface import Account
from converto.auth.companies.interface import Companies
from converto.auth.factors.interface import Factors
from converto.auth.federation.interface import Federation
from converto.auth.people import KeySet
from converto.auth.records.interface import Records
from converto.auth.sign_in.interface import SignIn
from converto.kernel.actor import Actor
from converto.kernel.interface import query


class Auth(SignIn, Account, Factors, Federation, Companies, Records, Protocol):
    """People, companies, sessions, keys and tokens."""

    @query(timeout_s=5)
    async def authenticate(self, access_token: str) -> Actor:
        """Return whom an access token stands for, if its session still stands. Raises InvalidToken."""
        ...

    @query
    async def key_set(self) -> KeySet:
        """Return the public keys that access tokens are signed with."""
        ...
