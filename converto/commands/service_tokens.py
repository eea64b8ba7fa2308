"""`converto events token` and `converto billing token`: an access token for a service of the installation's own operator."""

from datetime import timedelta

from converto.kernel import service_token
from converto.kernel.clock import now
from converto.kernel.config import CannotStart, Settings


def show(settings: Settings, name: str, *, days: int, scopes: tuple[str, ...] = service_token.SCOPES) -> None:
    """Print a token, and nothing else. Raises CannotStart where there is no secret to sign it with."""
    if not settings.rpc_secrets:
        msg = "A service token is signed with the secret of this installation: set CONVERTO_RPC_SECRETS here and where it is served."
        raise CannotStart(msg)
    print(service_token.mint(settings.rpc_secrets, name, lasts=timedelta(days=days), at=now(), scopes=scopes))
