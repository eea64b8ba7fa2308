from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from converto.auth.people import SignedIn
from converto.kernel.actor import Actor
from tests.auth.conftest import House, opened
from tests.servers import ask


@dataclass(frozen=True)
class Someone:
    """Somebody who has just registered, as the services see them."""

    signed_in: SignedIn
    actor: Actor

    @property
    def email(self) -> str:
        """The address that they sign in with."""
        return self.signed_in.user.email


@pytest.fixture(scope="module")
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return auth, which the tests of a module share; where it matters, asked in both ways and on both databases."""
    remote = getattr(request, "param", "local") == "remote"
    url = ask("postgres") if remote else None
    async with opened(tmp_path_factory.mktemp("auth"), url, remote=remote) as house:
        yield house
    if url is not None:
        ask("drop", url.rpartition("/")[2])


@pytest.fixture
async def aino(house: House) -> Someone:
    """Return somebody new, who has proved a moment ago who they are."""
    signed_in = await house.register()
    return Someone(signed_in, await house.auth.authenticate(signed_in.access_token))


@pytest.fixture
async def boris(house: House) -> Someone:
    """Return somebody else, of another company."""
    signed_in = await house.register()
    return Someone(signed_in, await house.auth.authenticate(signed_in.access_token))
