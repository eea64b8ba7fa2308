"""Where a delivery may go: to public addresses alone, so that nobody has this program knock at doors inside its own network."""

import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NoReturn

import httpx2

LONGEST_URL = 2048
_LABELS = re.compile(r"(?=.{1,253}\.?$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.?", re.IGNORECASE)
_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# `is_global` of the standard library differs between its versions and takes some of these for public, so all that matters is named
REFUSED: Final[Sequence[Network]] = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by customers of one provider; metadata of one cloud
        "127.0.0.0/8",
        "168.63.129.16/32",  # metadata of one cloud, on an address that looks public
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocols; metadata of one cloud
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # kept back, and broadcast
        "::/96",  # unspecified, loopback, and IPv4 as it was once written in IPv6
        "64:ff9b:1::/48",  # NAT64 inside a network
        "100::/64",  # thrown away
        "2001::/23",  # protocols, among them Teredo, which carries an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # private; metadata of two clouds
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The third quarter of an IPv6 address whose last one is an IPv4 address."""


class Refused(Exception):
    """Nothing is sent there; the message says why, in a sentence that a customer may read."""


class Guard:
    """Decides by the address of an endpoint, as written and as resolved."""

    def __init__(self, *, allowed: Sequence[Network] = (), https_only: bool) -> None:
        self._allowed = allowed
        self._https_only = https_only

    def checked(self, url: str) -> httpx2.URL:
        """Return an endpoint's URL, parsed by what will send to it. Raises Refused for one that nothing would ever be sent to."""
        if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
            _refuse("This is not a web address.")
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL:
            _refuse("This is not a web address.")
        schemes = ("https",) if self._https_only else ("https", "http")
        if parsed.scheme not in schemes:
            _refuse(f"The address begins with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
        if parsed.userinfo or parsed.fragment or "@" in parsed.netloc.decode("ascii"):
            _refuse("The address holds no user name, password or #fragment.")
        if parsed.port is not None and not 0 < parsed.port < 65536:
            _refuse("The port is between 1 and 65535.")
        self._check_host(parsed.raw_host.decode("ascii"))
        return parsed

    def _check_host(self, host: str) -> None:
        literal = literal_address(host)
        if literal is not None:
            self.check_address(literal)
            return
        if not _LABELS.fullmatch(host):
            _refuse("This is not a web address.")
        name = host.lower().rstrip(".")
        if not self._allowed and any(name == local or name.endswith(f".{local}") for local in _LOCAL_NAMES):
            _refuse(f"{host} is a name inside a network; only public addresses are sent to.")

    def check_address(self, text: str) -> None:
        """Go on only where this address may be sent to. Raises Refused."""
        if not self.allows(text):
            _refuse(f"{text} is not a public address; only public addresses are sent to.")

    def allows(self, text: str) -> bool:
        """Tell whether this address may be sent to, whichever way an IPv4 address is wrapped in an IPv6 one."""
        try:
            address = unwrapped(ip_address(text))
        except ValueError:  # an interface after a percent sign too: nothing public has one
            return False
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False
        if any(address in network for network in self._allowed if network.version == address.version):
            return True
        refused = any(address in network for network in REFUSED if network.version == address.version)
        return address.is_global and not address.is_multicast and not refused


def _refuse(reason: str) -> NoReturn:
    raise Refused(reason) from None


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does: mapped, translated by NAT64, or by ISATAP."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def literal_address(host: str) -> str | None:
    """Return the address that a host is, where it is no name; `127.1`, `0x7f.1` and `2130706433` are addresses too."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0])
