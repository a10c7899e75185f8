import json
import ssl
import subprocess
import sys
import urllib.request

import pytest

from tests.conftest import StartConsul
from tests.support import servers
from tests.support.patience import patience


def get(url: str, *, token: str | None = None, context: ssl.SSLContext | None = None) -> object:
    request = urllib.request.Request(url, headers={"X-Consul-Token": token} if token else {})
    with urllib.request.urlopen(request, timeout=patience(), context=context) as response:
        return json.load(response)


def test_no_other_process_of_the_tests_gets_a_port_that_one_was_given() -> None:
    own = set(servers.free_ports(60)) | set(servers.free_ports(60))
    script = "from tests.support.servers import free_ports; print(*free_ports(60))"

    other = subprocess.run([sys.executable, "-c", script], cwd=servers.ROOT, capture_output=True, text=True, check=True)

    assert own.isdisjoint(map(int, other.stdout.split()))
    assert max(own) < 32_768, "a port that the system gives to connections is taken between its choice and its use"


@pytest.mark.integration
def test_a_consul_has_a_leader(consul: servers.Consul) -> None:
    assert get(f"{consul.address}/v1/status/leader")


@pytest.mark.integration
def test_a_consul_with_acl_shows_its_catalogue_to_the_management_token_alone(own_consul: StartConsul) -> None:
    consul = own_consul(acl=True)

    assert get(f"{consul.address}/v1/catalog/nodes", token=consul.token)
    assert get(f"{consul.address}/v1/catalog/nodes") == []


@pytest.mark.integration
def test_a_consul_with_tls_is_trusted_through_its_own_authority(own_consul: StartConsul) -> None:
    consul = own_consul(tls=True)
    trust = ssl.create_default_context(cafile=str(consul.ca_file))

    assert get(f"https://127.0.0.1:{consul.https_port}/v1/status/leader", context=trust)


@pytest.mark.integration
def test_a_persistent_consul_keeps_its_keys_when_killed_and_started_again(own_consul: StartConsul) -> None:
    consul = own_consul(persistent=True)
    put = urllib.request.Request(f"{consul.address}/v1/kv/kept", data=b"yes", method="PUT")
    with urllib.request.urlopen(put, timeout=patience()) as response:
        assert response.status == 200

    consul.kill()
    consul.start()

    with urllib.request.urlopen(f"{consul.address}/v1/kv/kept?raw", timeout=patience()) as response:
        assert response.read() == b"yes"


@pytest.mark.integration
def test_a_paused_consul_answers_again_when_resumed(own_consul: StartConsul) -> None:
    consul = own_consul()

    consul.pause()
    assert not servers.answers(f"{consul.address}/v1/status/leader")

    consul.resume()
    assert servers.answers(f"{consul.address}/v1/status/leader")


@pytest.mark.slow_servers
def test_a_jaeger_lists_its_services(jaeger: servers.Jaeger) -> None:
    assert "data" in str(get(f"{jaeger.query}/api/services"))
