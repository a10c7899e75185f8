"""Which addresses may be called."""

from __future__ import annotations

import socket

import pytest

from meshgate.a2a.errors import InvalidParams, PermissionDenied
from meshgate.net.addresses import AddressPolicy, AgentNetworks, PublicUnicast, is_public

# --- the public Internet ---

PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255"),
    *("203.0.112.255", "203.0.114.0", "223.255.255.255"),
    *("2000::", "2001:200::1", "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00:1450:4001::1", "3ffe:ffff::1"),
    "3fff:1000::",
]
REFUSED = {
    "this network": ("0.0.0.0", "0.1.2.3", "::"),
    "private": ("10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.1", "fc00::1", "fdff::1"),
    "carriers' NAT": ("100.64.0.0", "100.100.100.100", "100.127.255.255"),
    "loopback": ("127.0.0.1", "127.255.255.255", "::1"),
    "link-local": ("169.254.0.0", "169.254.169.254", "fe80::1", "febf::1", "fe80::1%eth0"),
    "a zone": ("2606:4700:4700::1111%eth0",),
    "site-local": ("fec0::1",),
    "protocol assignments": ("192.0.0.1", "192.0.0.170", "2001:1::1", "2001:2::1", "2001:20::1", "2001:1ff:ffff::"),
    "documentation": ("192.0.2.1", "198.51.100.7", "203.0.113.255", "2001:db8::1", "3fff::1", "3fff:fff:ffff::"),
    "relays and AS112": ("192.88.99.1", "192.52.193.1", "192.31.196.1", "192.175.48.1", "2620:4f:8000::1"),
    "benchmarks": ("198.18.0.0", "198.19.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"),
    "reserved": ("240.0.0.1", "255.255.255.254", "255.255.255.255", "4000::1", "5f00::1", "1fff::1"),
    "mapped IPv4": ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"),
    "compatible IPv4": ("::8.8.8.8", "::127.0.0.1"),
    "NAT64": ("64:ff9b::8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b:1::1"),
    "6to4": ("2002:0808:0808::1", "2002:7f00:1::", "2002:a00:1::"),
    "Teredo": ("2001::1", "2001:0:7f00:1::"),
    "discard": ("100::1",),
    "no address": ("", "localhost", "example.com", "1.2.3", "0x7f000001", "2130706433", "127.1", "010.0.0.1"),
}
EVERY_REFUSED = [(kind, text) for kind, texts in REFUSED.items() for text in texts]


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_one_public_host_is_public(text: str) -> None:
    assert is_public(text)
    PublicUnicast().check_resolved((text,))
    PublicUnicast().check(f"https://[{text}]:8443/hook" if ":" in text else f"https://{text}/hook")


@pytest.mark.parametrize(("kind", "text"), EVERY_REFUSED)
def test_every_other_address_is_refused(kind: str, text: str) -> None:
    assert not is_public(text), kind
    with pytest.raises(PermissionDenied):
        PublicUnicast().check_resolved((text,))
    with pytest.raises(PermissionDenied):
        PublicUnicast().check_resolved(("8.8.8.8", text))


@pytest.mark.parametrize(("kind", "text"), [one for one in EVERY_REFUSED if one[0] != "no address"])
def test_a_url_with_such_an_address_is_refused(kind: str, text: str) -> None:
    with pytest.raises(PermissionDenied):
        PublicUnicast().check(f"https://[{text}]/" if ":" in text else f"https://{text}/")


def test_a_name_without_addresses_is_refused() -> None:
    with pytest.raises(PermissionDenied, match="no address"):
        PublicUnicast().check_resolved(())


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com", "https://EXAMPLE.com./x?y=1", "http://hooks.example.co.uk:8080/a"),
        *("https://xn--bcher-kva.example/", "https://a_b.example.com/", "https://1.example.com"),
    ],
)
def test_a_name_that_can_be_public_passes_until_it_is_resolved(url: str) -> None:
    PublicUnicast().check(url)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "printer.local", "metadata.google.internal", "nas.home.arpa"),
        *("intranet", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "1.2.3.4.5", "example.0x1"),
        *(
            "\uff11\uff12\uff17.0.0.1",
            "bücher.example",
            "a..example.com",
            "-a.example.com",
            "a.example.com-",
            "*.example.com",
        ),
        "a" * 64 + ".example.com",
        ".".join(["a" * 60] * 5),
    ],
)
def test_a_name_that_cannot_be_public_is_refused(host: str) -> None:
    with pytest.raises(PermissionDenied):
        PublicUnicast().check(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "//example.com/", "https://", "https:///x", "ftp://example.com/", "grpc://example.com:1"),
        *("file:///etc/passwd", "https://user@example.com/", "https://:pw@example.com/", "https://example.com:99999/"),
        "https://[::1/",
    ],
)
def test_what_is_no_public_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidParams):
        PublicUnicast().check(url)


def test_schemes_can_be_narrowed() -> None:
    policy = PublicUnicast(schemes=("https",))
    policy.check("https://example.com/")
    with pytest.raises(InvalidParams):
        policy.check("http://example.com/")


# --- agents' networks ---


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:9001/a2a", "127.0.0.1:9002", "grpc://127.0.0.1:9002", "https://localhost/", "[::1]:9002"),
        *("http://LOCALHOST:9001/", "http://[::ffff:127.0.0.1]:9001/"),
    ],
)
def test_agents_listen_on_loopback_unless_an_operator_says_more(url: str) -> None:
    AgentNetworks().check(url)


@pytest.mark.parametrize("url", ["http://10.0.0.1:9001/", "http://example.com/", "8.8.8.8:443", "http://[fe80::1]/"])
def test_elsewhere_they_do_not(url: str) -> None:
    with pytest.raises(PermissionDenied, match="agent_networks"):
        AgentNetworks().check(url)


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("http://10.1.255.255:1/", True),
        ("http://10.2.0.0:1/", False),
        ("http://agents.internal:8080/card.json", True),
        ("http://other.internal:8080/", False),
        ("http://[::ffff:10.1.2.3]:1/", True),
        ("127.0.0.1:50051", False),
    ],
)
def test_networks_and_names_are_what_an_operator_listed(url: str, *, passes: bool) -> None:
    policy = AgentNetworks(("10.1.0.0/16", "Agents.Internal"))
    if passes:
        policy.check(url)
    else:
        with pytest.raises(PermissionDenied):
            policy.check(url)


@pytest.mark.requirement("join.own_ports")
@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8090/", "localhost:8090", "http://[::1]:8090/", "127.9.9.9:8090", "grpc://[::1]:8090"),
        *("http://[::ffff:127.0.0.1]:8090/", "http://[::ffff:7f00:1]:8090/", "[0:0:0:0:0:ffff:127.0.0.1]:8090"),
        *("http://[::1%lo]:8090/", "http://LOCALHOST:8090/x"),
    ],
)
def test_the_meshs_own_ports_are_refused_on_this_machine_however_it_is_spelt(url: str) -> None:
    policy = AgentNetworks(refused=lambda: [("", 8090)])
    with pytest.raises(PermissionDenied):
        policy.check(url)
    policy.check(url.replace("8090", "8091"))


@pytest.mark.requirement("join.own_ports")
@pytest.mark.parametrize(("url", "port"), [("http://127.0.0.1/", 80), ("https://[::1]/card.json", 443)])
def test_a_url_without_a_port_has_its_schemes(url: str, port: int) -> None:
    with pytest.raises(PermissionDenied):
        AgentNetworks(refused=lambda: [("", port)]).check(url)
    AgentNetworks(refused=lambda: [("", port + 1)]).check(url)


@pytest.mark.requirement("join.own_ports")
def test_the_machine_has_other_addresses_than_loopback_and_other_machines_have_ports_of_their_own() -> None:
    here = own_address()
    everywhere = ("0.0.0.0/0", "::/0")
    policy = AgentNetworks(everywhere, lambda: [("", 8090), ("10.9.8.7", 8091), ("127.0.0.1", 8092)])
    for refused in (f"http://{here}:8090/", f"[::ffff:{here}]:8090", "10.9.8.7:8091", "[::ffff:10.9.8.7]:8091"):
        with pytest.raises(PermissionDenied):
            policy.check(refused)
    for passes in ("10.9.8.7:8090", "10.9.8.6:8091", f"{here}:8091", "127.0.0.2:8092"):
        policy.check(passes)


def own_address() -> str:
    """An address of this machine: one that is not loopback, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))  # sends nothing
        except OSError:
            return "127.0.0.3"
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("url", ["", "http://", "ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://127.0.0.1:x/"])
def test_what_is_no_address_of_an_agent_is_refused(url: str) -> None:
    with pytest.raises(InvalidParams):
        AgentNetworks().check(url)


@pytest.mark.parametrize("text", ["10.1.0.0/99", "10.0.0.1/8", ""])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams, match="agent_networks"):
        AgentNetworks((text,))


def test_both_are_address_policies() -> None:
    policies: list[AddressPolicy] = [AgentNetworks(), PublicUnicast()]
    for policy in policies:
        with pytest.raises(PermissionDenied):
            policy.check("http://10.0.0.1/")
