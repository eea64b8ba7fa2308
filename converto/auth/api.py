"""REST: the routes of every part, and the keys that tokens can be checked with."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from converto.auth.account.api import router as account
from converto.auth.api_keys.api import router as api_keys
from converto.auth.companies.api import router as companies
from converto.auth.factors.api import router as factors
from converto.auth.federation.api import router as federation
from converto.auth.interface import Auth
from converto.auth.people import KeySet
from converto.auth.records.api import router as records
from converto.auth.sign_in.api import router as sign_in
from converto.kernel.web import the

router = APIRouter(tags=["auth"])
for part in (sign_in, account, factors, federation, companies, records, api_keys):
    router.routes.extend(part.routes)


@router.get("/.well-known/jwks.json")
async def key_set(auth: Annotated[Auth, Depends(the(Auth))], response: Response) -> KeySet:
    """Return the public keys that access tokens can be checked with."""
    response.headers["cache-control"] = "public, max-age=300"
    return await auth.key_set()
