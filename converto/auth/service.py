"""Decides who may come in, and as what."""

from uuid import UUID

from converto.auth.account.service import AccountDesk
from converto.auth.api_keys.service import ApiKeysDesk
from converto.auth.api_keys.tokens import PREFIX
from converto.auth.companies.service import CompaniesDesk
from converto.auth.factors.service import FactorsDesk
from converto.auth.federation.service import FederationDesk
from converto.auth.interface import Auth
from converto.auth.letters.postman import Postman
from converto.auth.people import InvalidToken, KeySet
from converto.auth.records.service import RecordsDesk
from converto.auth.repository import Sessions, Standing
from converto.auth.sign_in.service import SignInDesk
from converto.auth.signing import Signing
from converto.kernel.actor import Actor
from converto.kernel.clock import now


class AuthService(SignInDesk, AccountDesk, FactorsDesk, FederationDesk, CompaniesDesk, RecordsDesk, ApiKeysDesk, Auth):
    """People, companies, sessions, keys and tokens, in one database: each part answers for its own."""

    @property
    def postman(self) -> Postman:
        """What sends the letters that wait."""
        return self._means.postman

    @property
    def signing(self) -> Signing:
        """The keys that access tokens are signed with."""
        return self._signing

    async def authenticate(self, access_token: str, *, address: str | None = None) -> Actor:
        """Return whom an access token or an API key stands for."""
        if access_token.startswith(PREFIX):
            return await self._program(access_token, address)
        moment = now()
        claims = (await self._signing.tools()).verifier.claims(access_token, moment)
        standing = await self._standing_of(claims.tid, claims.sid)
        if standing is None or standing.ends_at <= moment or (standing.user_id, standing.version) != (claims.sub, claims.ver):
            raise InvalidToken
        return Actor(tenant_id=claims.tid, user_id=claims.sub, session_id=claims.sid, role=standing.role.value, scopes=standing.scopes)

    async def key_set(self) -> KeySet:
        """Return the public keys."""
        return (await self._signing.tools()).public

    async def _standing_of(self, tenant_id: UUID, session_id: UUID) -> Standing | None:
        known = self._standing.get(session_id)
        if known is None:
            async with self._database.reading(tenant_id) as session:
                known = await Sessions(session).standing(tenant_id, session_id)
            if known is not None:
                self._standing.keep(session_id, known)
        return known
