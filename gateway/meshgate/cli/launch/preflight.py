"""What is checked before a mesh makes keys: its ports are free, its files of keys can be used, and the extras that its
settings need are installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshgate.net.server import bind

if TYPE_CHECKING:
    from meshgate.gateway.config import Config

__all__ = ["check_before_start"]


def check_before_start(config: Config) -> None:
    """Refuse settings that cannot be started with: keys that were shown, and a mesh that did not start, help nobody.

    Raises:
        PortTaken: somebody else listens on a port.
        ImportError: an extra is missing; the message is the line that installs it.
        WeakSecret: a file of ``card_keys`` cannot be used.
    """
    _check_extras(config)
    if config.card_keys:
        from meshgate.gateway.identity.card_keys import read_card_keys

        read_card_keys([Path(file) for file in config.card_keys])
    for host, port, flag in (
        (config.host, config.port, "--port"),
        (config.host, config.grpc_port, "--grpc-port"),
        (config.join_host or config.host, config.join_port, "--join-port"),
        (config.admin_host, config.admin_port, "--admin-port"),
        (config.inspect_host, config.inspect_port, "--inspect-port"),
    ):
        if port > 0:
            for reserved in bind(host, port, flag):
                reserved.close()


def _check_extras(config: Config) -> None:
    if config.registry.startswith("consul"):
        from meshgate.registry.backends.consul.client import check_installed

        check_installed()
    if config.otlp:
        from meshgate.telemetry.collector import check_installed as check_telemetry

        check_telemetry()
