"""The secret that seals what the edge keeps."""

from converto.gateway.settings import GatewaySettings
from converto.kernel.config import CannotStart, Settings
from converto.kernel.kept_secret import SHORTEST_SECRET, installation_secret

SECRET_FILE = "gateway.secret"  # noqa: S105 - the name of a file


def secret_of(settings: GatewaySettings, program: Settings) -> bytes:
    """Return the secret; outside production one is made once and kept. Raises CannotStart for a bad one in production."""
    secret = installation_secret(settings.secret_key, program, file=SECRET_FILE)
    if secret is None:
        msg = f"In production the gateway needs a secret: set CONVERTO_GATEWAY_SECRET_KEY to {SHORTEST_SECRET} random characters or more."
        raise CannotStart(msg)
    return secret.encode()
