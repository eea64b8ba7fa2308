import pytest

from converto.gateway.addresses import Addresses, Proxies, network_of
from converto.gateway.rates import TooManyRequests
from converto.gateway.settings import GatewaySettings

OURS = GatewaySettings(trusted_proxies="10.0.0.0/8, 2001:db8::/32").trusted_proxies


def scope(client: str | None, **headers: str) -> dict[str, object]:
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": client and (client, 5000), "scheme": "http", "headers": listed}


def asked_by(client: str, forwarded: str) -> object:
    told = scope(client, x_forwarded_for=forwarded)
    Proxies(OURS).believe(told)
    return told["client"]


@pytest.mark.parametrize(
    ("client", "forwarded", "sender"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7, 10.2.3.4", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7:51000", "203.0.113.7"),
        ("10.0.0.1", "[2001:db9::1]:443", "2001:db9::1"),
        ("2001:db8::1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
    ],
)
def test_only_what_our_own_proxies_add_is_believed(client: str, forwarded: str, sender: str) -> None:
    asked = asked_by(client, forwarded)
    assert isinstance(asked, tuple)
    assert asked[0] == sender


@pytest.mark.parametrize(("client", "scheme"), [("10.0.0.1", "https"), ("203.0.113.9", "http")])
def test_the_scheme_is_believed_of_our_own_proxies_alone(client: str, scheme: str) -> None:
    told = scope(client, x_forwarded_proto="https")
    Proxies(OURS).believe(told)
    assert told["scheme"] == scheme


def test_a_scheme_that_is_none_is_not_believed() -> None:
    told = scope("10.0.0.1", x_forwarded_proto="gopher")
    Proxies(OURS).believe(told)
    assert told["scheme"] == "http"


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_of_ipv6_counts_as_its_network(host: str, network: str) -> None:
    assert network_of(host) == network


def test_one_address_may_send_so_many_and_no_more() -> None:
    addresses = Addresses(10)
    for _ in range(3):
        addresses.take(scope("203.0.113.7"))
    with pytest.raises(TooManyRequests) as refused:
        addresses.take(scope("203.0.113.7"))
    addresses.take(scope("203.0.113.8"))
    assert (refused.value.details["quota"], refused.value.retry_after_s, addresses.refused) == ("address", 6, 1)


def test_a_bad_token_costs_as_much_as_ten_requests() -> None:
    addresses = Addresses(60)
    addresses.take(scope("203.0.113.7"))
    addresses.charge_bad_token(scope("203.0.113.7"))
    addresses.take(scope("203.0.113.7"))
    addresses.take(scope("203.0.113.7"))
    addresses.take(scope("203.0.113.7"))
    with pytest.raises(TooManyRequests):
        addresses.take(scope("203.0.113.7"))
