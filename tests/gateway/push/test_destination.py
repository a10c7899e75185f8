"""Which URLs a caller may have the gateway call, and at which address it calls them."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.push.destination import Destination, Destinations, resolve
from meshgate.gateway.push_networks import networks_in
from tests.support.virtual_loop import elapsed, virtual_time

pytestmark = pytest.mark.requirement("push.destination")
REFUSED = "must be an https URL of a public host, or of one in the gateway's push_networks"
PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:4700::6810:84e5"


class Names:
    """A resolver that knows some names, and finds literal addresses as the system does."""

    def __init__(self, **known: list[str]) -> None:
        self.known = {name.replace("_", "."): addresses for name, addresses in known.items()}
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        if host in self.known:
            return self.known[host]
        if not (host[0].isdigit() or ":" in host):
            raise OSError(f"no such host: {host}")
        return await resolve(host, port)


def destinations(*networks: str, **known: list[str]) -> Destinations:
    return Destinations(networks_in(networks), Names(**known))


async def refusal(checked: Destinations, url: str) -> InvalidParams:
    with pytest.raises(InvalidParams) as refused:
        await checked.of(url)
    return refused.value


LITERALS = (
    *("127.0.0.1", "127.1", "0.0.0.0", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "169.254.169.254"),
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.127.255.255", "198.18.0.1", "203.0.113.7"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.0.0.170", "192.88.99.1"),
    *("[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[fd00::1]", "[fdff:ffff::1]"),
    *("[fe80::1]", "[fec0::1]", "[ff02::1]", "[ff0e::1]", "[2001:db8::1]", "[100::1]", "[4000::1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::5db8:d70e]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[2001:0:7f00:1::1]"),
    f"[{PUBLIC_6}%25lo]",
)


@pytest.mark.parametrize("host", LITERALS)
async def test_an_address_that_is_not_public_is_refused_however_it_is_written(host: str) -> None:
    for url in (f"https://{host}/hook", f"https://{host}:8443/hook"):
        assert str(await refusal(destinations(), url)) == f"url: {REFUSED}"


@pytest.mark.parametrize(
    "url",
    [
        *("", "hook.example", "//hook.example/x", "/x", "https://", "https:///x", "https://:443/", "https:hook"),
        *("file:///etc/passwd", "gopher://hook.example/", "ftp://hook.example/", "ws://hook.example/", "unix:/run/x"),
        *("http://hook.example/", "http://hook.example:443/", "http://hook.example:8080/", "HTTP://hook.example/"),
        *("https://ann:pw@hook.example/", "https://ann@hook.example/", "https://@hook.example/", "https://:pw@hook.example"),
        *("https://hook.example/#top", "https://hook.example/x?y#z"),
        *(f"https://hook.example:{port}/" for port in (0, 22, 25, 80, 442, 444, 1023, 65536, -1, "x")),
        *("https://unknown.example/", "https://nowhere.example/", "https://[::1/", "https://[x]/", "https://b\u00fccher.example/"),
    ],
)  # fmt: skip
async def test_what_is_no_https_url_of_a_host_at_a_port_for_it_is_refused(url: str) -> None:
    checked = destinations(hook_example=[PUBLIC], nowhere_example=[], bücher_example=[PUBLIC])
    assert str(await refusal(checked, url)) == f"url: {REFUSED}"


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], ["::1"], ["169.254.169.254"], ["fe80::1%2"], ["fd00::1"], ["::ffff:10.0.0.1"]),
        *([PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC_6, PUBLIC, "::1"]),
    ],
)
@pytest.mark.parametrize("name", ["hook.example", "localhost", "localhost.", "metadata.google.internal", "metadata"])
async def test_a_name_with_one_address_that_is_not_public_is_refused(name: str, addresses: list[str]) -> None:
    checked = destinations(**{name: addresses})
    refused = await refusal(checked, f"https://{name}/computeMetadata/v1/")
    assert (str(refused), refused.violations) == (f"url: {REFUSED}", (("url", REFUSED),))
    # No cause goes along: what was found out about the network stays here.
    assert refused.__suppress_context__
    assert refused.__cause__ is None


@pytest.mark.parametrize(
    ("url", "address", "sent"),
    [
        ("https://hook.example", PUBLIC, (f"https://{PUBLIC}:443", "hook.example", "hook.example")),
        ("https://hook.example:443/", PUBLIC, (f"https://{PUBLIC}:443/", "hook.example:443", "hook.example")),
        ("https://hook.example:1024/", PUBLIC, (f"https://{PUBLIC}:1024/", "hook.example:1024", "hook.example")),
        (
            "https://Hook.Example:8443/a%2fb/?x=1&y=%20#",
            PUBLIC_6,
            (f"https://[{PUBLIC_6}]:8443/a%2fb/?x=1&y=%20", "Hook.Example:8443", "hook.example"),
        ),
        ("HTTPS://hook.example/x", f"::ffff:{PUBLIC}", (f"https://{PUBLIC}:443/x", "hook.example", "hook.example")),
    ],
)
async def test_the_url_has_the_address_that_was_checked_and_the_name_stays_for_header_and_certificate(
    url: str, address: str, sent: tuple[str, str, str]
) -> None:
    names = Names(hook_example=[address, "93.184.215.15"])
    assert await Destinations((), names).of(url) == Destination(*sent)
    assert [host for host, _ in names.asked] == ["hook.example"]


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "191.255.255.255", "192.0.1.1", "2001:4860:4860::8888"])
async def test_public_addresses_may_be_called_as_they_are(address: str) -> None:
    literal = f"[{address}]" if ":" in address else address
    expected = Destination(f"https://{literal}:443/x", literal, address)
    assert await destinations().of(f"https://{literal}/x") == expected


@pytest.mark.parametrize("port", [1, 22, 80, 443, 8080])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_the_operator_lists_may_be_called_over_http_and_at_any_port(scheme: str, port: int) -> None:
    checked = destinations("10.1.0.0/16", "fd00::/8", hook_example=["10.1.2.3", "fd00::7"])
    for host, found in (("10.1.2.3", "10.1.2.3"), ("[fd00::7]", "[fd00::7]"), ("hook.example", "10.1.2.3")):
        sent = await checked.of(f"{scheme}://{host}:{port}/x")
        assert sent == Destination(f"{scheme}://{found}:{port}/x", f"{host}:{port}", host.strip("[]"))
    assert (await checked.of("http://10.1.2.3/x")).url == "http://10.1.2.3:80/x"
    for other in (f"{scheme}://10.2.0.1:{port}/", f"{scheme}://[fe80::1]:{port}/", f"ftp://10.1.2.3:{port}/"):
        assert str(await refusal(checked, other)) == f"url: {REFUSED}"


async def test_a_host_half_in_a_listed_network_and_half_public_is_judged_by_each_address() -> None:
    checked = destinations("10.1.0.0/16", hook_example=["10.1.2.3", PUBLIC])
    assert (await checked.of("https://hook.example/")).url == "https://10.1.2.3:443/"
    await refusal(checked, "http://hook.example/")
    await refusal(checked, "https://hook.example:22/")


@pytest.mark.requirement("push.pinned")
async def test_a_name_that_changes_its_mind_is_asked_once_for_each_notification_and_gains_nothing() -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def rebinding(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    checked = Destinations((), rebinding)
    first = await checked.of("https://hook.example/x")
    assert first == Destination(f"https://{PUBLIC}:443/x", "hook.example", "hook.example")
    assert answers == [["127.0.0.1"]]
    await refusal(checked, "https://hook.example/x")


@virtual_time
async def test_a_resolver_that_hangs_is_waited_for_five_seconds() -> None:
    async def hang(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    assert await elapsed(refusal(Destinations((), hang), "https://hook.example/")) == 5.0
    assert await elapsed(Destinations((), hang).of(f"https://{PUBLIC}/")) == 0.0


async def test_the_system_finds_each_address_of_a_host_once() -> None:
    assert await resolve("127.0.0.1", 443) == ["127.0.0.1"]
    assert await resolve("::1", 443) == ["::1"]
    with pytest.raises(OSError, match=r"."):
        await resolve("256.1.1.1.1.", 443)
