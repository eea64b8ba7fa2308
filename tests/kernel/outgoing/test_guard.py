"""Where nothing may be sent, however it is written."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converto.kernel.outgoing.guard import Guard, Refused, literal_address

STRICT = Guard(https_only=True)
LAX = Guard(https_only=False)

INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 169.254.0.1
172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255 :: ::1 ::2 ::7f00:1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 fd20:ce::254 ff02::1 100::1
2001:db8::1 3fff::1 5f00::1 2001::1 2002:7f00:1:: 2002:808:808:: ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::10.0.0.1 64:ff9b:1::808:808 2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1
""".split()  # noqa: SIM905 - a page of quotes reads worse
OUTSIDE = """
8.8.8.8 1.1.1.1 93.184.215.14 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 169.253.1.1 223.255.255.254 2606:4700:4700::1111
2a00:1450:4026::200e ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""".split()  # noqa: SIM905 - a page of quotes reads worse


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not STRICT.allows(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_is_allowed(address: str) -> None:
    assert STRICT.allows(address)


@given(st.ip_addresses(v=4))
def test_no_way_of_wrapping_an_address_makes_it_more_allowed(address: IPv4Address) -> None:
    wrapped = [f"::ffff:{address}", f"64:ff9b::{address}", f"2606:4700::5efe:{address}"]
    assert all(STRICT.allows(str(IPv6Address(text))) == STRICT.allows(str(address)) for text in wrapped)


@given(st.ip_addresses())
def test_nothing_is_allowed_that_the_standard_library_takes_for_private(address: IPv4Address | IPv6Address) -> None:
    allowed = STRICT.allows(str(address))
    assert not (allowed and (address.is_private or address.is_multicast or address.is_loopback or address.is_link_local))


def test_a_network_may_be_allowed_nevertheless() -> None:
    guard = Guard(allowed=[ip_network("10.1.0.0/16"), ip_network("fd00:1::/64")], https_only=True)
    found = {
        text: guard.allows(text) for text in ("10.1.2.3", "::ffff:10.1.2.3", "10.2.0.1", "fd00:1::7", "fd00:2::7", "127.0.0.1", "8.8.8.8")
    }
    assert [text for text, allowed in found.items() if allowed] == ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::7", "8.8.8.8"]


LITERALS = {
    "127.1": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "0xa9fea9fe": "169.254.169.254",
    "::1": "::1",
    "example.com": None,
    "1.2.3.4.example.com": None,
    "": None,
    "x" * 300: None,
}


@pytest.mark.parametrize("host", LITERALS)
def test_an_address_is_known_as_one_however_it_is_written(host: str) -> None:
    assert literal_address(host) == LITERALS[host]


BAD_URLS = """
http://127.0.0.1/ http://127.1/ http://0x7f.1/ http://2130706433/ http://0177.0.0.1/ http://[::1]/ http://[::ffff:127.0.0.1]/
http://[::]/ http://0/ http://169.254.169.254/ http://localhost/ http://LOCALHOST./ http://x.localhost:8000/ http://printer.local/
http://metadata.google.internal/ http://user@example.com/ http://:@example.com/ http://example.com:0/ http://example.com/#x //example.com/
file:///etc/passwd gopher://example.com/ http:/// http://exa%6dple.com/ http://example..com/ http://-example.com/ http://[fe80::1%25eth0]/
http://127.0.0.1\\@example.com/ http://example.com:99999/ http://[::1 http://a_b-.com/
""".split()  # noqa: SIM905 - a page of quotes reads worse


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_to_the_inside_or_to_nowhere_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        LAX.checked(url)


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "https://EXAMPLE.com:8443/a/b?c=d", "https://exämple.fi/", "https://8.8.8.8/", "https://a_b.example.com./x"],
)
def test_a_url_to_the_outside_is_taken(url: str) -> None:
    assert STRICT.checked(url).scheme == "https"


def test_without_tls_nothing_is_sent_where_that_is_asked_for() -> None:
    assert LAX.checked("http://example.com/").scheme == "http"
    with pytest.raises(Refused, match="begins with https://"):
        STRICT.checked("http://example.com/")


@given(st.text(max_size=80))
def test_any_text_is_either_a_url_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}", f"https://example.com:{text}/"):
        try:
            parsed = LAX.checked(url)
        except Refused:
            continue
        assert parsed.raw_host
        assert parsed.raw_path.startswith(b"/")
