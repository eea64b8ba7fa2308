"""Where requests come from: the address that is believed, and how many one address may send."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from converto.gateway.rates import Measure, Quota, Rates

NOWHERE = "nowhere"
"""The address of a request that came over no network."""
BAD_TOKEN_COSTS = 9
"""A token that is no good counts as so many requests more: to check it has cost as much."""
REMEMBERED = 10_000

Networks = Sequence[IPv4Network | IPv6Network]


class Addresses:
    """Limits what one address sends, in this process: each of several allows its share. An IPv6 network of 64 bits is one address."""

    def __init__(self, a_minute: int, *, processes: int = 1, rates: Rates | None = None) -> None:
        self._measure = Measure.of(Quota("address", a_minute).shared_by(processes))
        self._rates = rates or Rates()
        self._keys: dict[str, str] = {}
        self.refused = 0

    def take(self, scope: Scope) -> None:
        """Count a request. Raises TooManyRequests."""
        client = scope.get("client")
        host = client[0] if client else NOWHERE
        ahead_s = self._rates.take(self._keys.get(host) or self._key(host), self._measure)
        if ahead_s < 0:
            self.refused += 1
            raise self._measure.refusal(-ahead_s)

    def charge_bad_token(self, scope: Scope) -> None:
        """Count a token that was no good."""
        self._rates.charge(self.key(scope), self._measure, cost=BAD_TOKEN_COSTS)

    def key(self, scope: Scope) -> str:
        """Return what the sender of a request is counted under."""
        client = scope.get("client")
        host = client[0] if client else NOWHERE
        return self._keys.get(host) or self._key(host)

    def _key(self, host: str) -> str:
        if len(self._keys) >= REMEMBERED:
            self._keys.clear()
        key = self._keys[host] = network_of(host)
        return key


def network_of(host: str) -> str:
    """Return the network that an address is counted as: itself, or of IPv6 the 64 bits that one customer gets."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


class Proxies:
    """Believes `X-Forwarded-For` and `X-Forwarded-Proto` of the proxies that are known, and of nobody else."""

    def __init__(self, trusted: Networks) -> None:
        self._trusted = tuple(trusted)
        self._known: dict[str, bool] = {}

    @property
    def any(self) -> bool:
        """Whether any proxy is known."""
        return bool(self._trusted)

    def believe(self, scope: Scope) -> None:
        """Put into the scope who asks, and by which scheme, as the nearest proxies say it."""
        client = scope.get("client")
        if client is None or not self._is_trusted(client[0]):
            return
        headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        passed = [part.strip() for part in _together(headers, b"x-forwarded-for").split(",") if part.strip()]
        # each proxy adds whom it was asked by at the end: the last one that is no proxy of ours is who asks; what stands before is hearsay
        senders = [self._plain(part) for part in passed]
        asks = next((sender for sender in reversed(senders) if not self._is_trusted(sender)), senders[0] if senders else None)
        if asks is not None:
            scope["client"] = (asks, 0)
        scheme = _together(headers, b"x-forwarded-proto").rpartition(",")[2].strip().lower()
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme

    def _is_trusted(self, host: str) -> bool:
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[host] = _is_inside(host, self._trusted)
        return known

    @staticmethod
    def _plain(written: str) -> str:
        """Return an address without its port, or what stands there instead, cut short."""
        bare = written[1:].partition("]")[0] if written.startswith("[") else written
        return bare.rpartition(":")[0] if bare.count(":") == 1 else bare[:64]


def _together(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in headers if name == wanted)


def _is_inside(host: str, networks: Networks) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in networks)
