"""An agent's membership in the mesh: registers it, renews its lease, takes it off the list.

A join port that does not answer stops no work: the agent goes on serving, and asks again until it is registered.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

import httpx
import structlog

from meshgate.a2a.errors import MeshError, OutcomeUnknown, RateLimited, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.registry.errors import InstanceTaken, RegistryUnavailable, UnknownLease
from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.join import wire
from meshgate.registry.model import Instance, Lease, Manifest
from meshgate.sdk.client.access import Access
from meshgate.sdk.client.discovery import NotConfigured
from meshgate.sdk.client.sender import Sender, read_body

__all__ = ["Credentials", "JoinClient", "Membership", "log_refusal"]

log = structlog.get_logger(__name__)

_AWAY = (RegistryUnavailable, UpstreamUnavailable, OutcomeUnknown, RateLimited)
_FINAL = ("BAD_SCHEMA", "INCOMPATIBLE", "VERSION_TAKEN", "VERSION_RETIRED", "BAD_LOCK")
"""Refusals that no further try changes: the author must change the agent."""
_MAX_ANSWER = 1024 * 1024


class Credentials:
    """The credentials that an agent received when it joined. Empty until then.

    Attributes:
        access: the gateways to call through and the agent's own call key, or None.
        secrets: what a gateway may present on its calls: the newest secret and the one before, because a gateway that
            has not yet heard of the newest still presents that.
    """

    def __init__(self) -> None:
        self.access: Access | None = None
        self.secrets: tuple[str, ...] = ()

    def store_registration(self, joined: wire.RegisterResponse) -> None:
        """Store the credentials that a registration gave."""
        self.secrets = tuple(dict.fromkeys((joined.inbound_secret, *self.secrets)))[:2]
        self.access = Access(joined.gateways, joined.call_key)

    def store_renewal(self, renewed: wire.RenewResponse) -> None:
        """Store the credentials that a renewal changed."""
        if self.access is not None:
            self.access = Access(renewed.gateways or self.access.urls, renewed.call_key or self.access.key)


def _nothing() -> None:
    pass


class JoinClient:
    """The three requests of ``RegistryService``, each of which may safely be sent again.

    Args:
        access: the join ports and the join key.
        client: carries the requests; its owner closes it.
        limits: ``connect`` and ``lease`` bound how long an answer may take.
    """

    def __init__(self, access: Access, client: httpx.AsyncClient, limits: Limits = DEFAULTS) -> None:
        self._sender = Sender(client)
        self._seconds = limits.lease / 2
        self.use(access)

    def use(self, access: Access) -> None:
        """Ask these join ports from now on, with this key."""
        self._access = access
        self._headers = {"authorization": f"Bearer {access.key}", "content-type": wire.PROTO}

    @property
    def url(self) -> str:
        """The first join port, for messages."""
        return self._access.urls[0]

    async def register(
        self,
        instance: Instance,
        manifest: Manifest,
        images: Sequence[bytes] = (),
        *,
        name_from_card: bool = False,
        credential: AgentCredential | None = None,
    ) -> wire.RegisterResponse:
        """List an instance, or replace the one of the same id.

        Args:
            images: the descriptor sets that the manifest's schemas name by hash.
            name_from_card: whether the agent's name was made from its card; then no other agent may have it.
            credential: what gateways show to a foreign agent.

        Raises:
            RegistryUnavailable, UpstreamUnavailable, OutcomeUnknown: nobody answered; try again.
            MeshError: the join port refused; its message says why.
        """
        body = wire.encode_register(
            instance, manifest, images=images, name_from_card=name_from_card, credential=credential
        )
        return wire.decode_register_response(await self._ask("Register", body))

    async def renew(self, instance_id: str) -> wire.RenewResponse:
        """Keep an instance listed.

        Raises:
            UnknownLease: register again.
            RegistryUnavailable, UpstreamUnavailable, OutcomeUnknown: nobody answered; try again.
        """
        return wire.decode_renew_response(await self._ask("Renew", wire.encode_renew(instance_id)))

    async def deregister(self, instance_id: str) -> None:
        """Take an instance off the list; one that is not listed is no error.

        Raises:
            RegistryUnavailable, UpstreamUnavailable, OutcomeUnknown: nobody answered.
        """
        await self._ask("Deregister", wire.encode_deregister(instance_id))

    async def _ask(self, method: str, body: bytes) -> bytes:
        path = wire.SERVICE_PATH + method
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._sender.post(self._access.urls, path, body, self._headers, safe=True) as response,
            ):
                answer = await read_body(response, _MAX_ANSWER, self._seconds)
        except TimeoutError:
            raise RegistryUnavailable(f"{self.url} did not answer within {self._seconds:g} s") from None
        if response.status_code != 200:
            raise wire.decode_error(response.status_code, answer)
        return answer


class Membership:
    """Keeps one instance registered.

    Args:
        client: asks the join port.
        credentials: where the credentials that it receives are stored.
        describe: the instance and its manifest as they are now; the argument says whether it drains.
        limits: the pauses between tries.
        find: where the mesh is now; asked when nobody answers, because a mesh that was started again may have moved.
        rng: spreads renewals, so that instances which started together do not renew together.
        images: the descriptor sets of the manifest's schemas.
        rename: draws another instance id; called when another agent has this one.
    """

    def __init__(
        self,
        client: JoinClient,
        credentials: Credentials,
        describe: Callable[[bool], tuple[Instance, Manifest]],
        limits: Limits = DEFAULTS,
        rng: random.Random | None = None,
        find: Callable[[], Access] | None = None,
        images: Sequence[bytes] = (),
        rename: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._rename = rename
        self.accepted: Callable[[], None] = _nothing
        """Called when the mesh has taken the first registration."""
        self._find = find
        self._credentials = credentials
        self._describe = describe
        self._limits = limits
        self._rng = rng or random.Random()
        self._images = tuple(images)
        self._draining = False
        self._lease: Lease | None = None
        self._failures = 0

    async def join(self) -> Lease:
        """Register once.

        Raises:
            MeshError: see ``JoinClient.register``.
        """
        instance, manifest = self._describe(self._draining)
        joined = await self._client.register(instance, manifest, self._images)
        self._credentials.store_registration(joined)
        self._lease = joined.lease
        self.accepted()
        self.accepted = _nothing  # what was accepted once is kept
        for notice in joined.notices:
            log.warning("notice", agent=instance.agent, notice=notice)
        log.info(
            "draining" if self._draining else "joined",
            agent=instance.agent,
            instance=instance.id,
            gateways=list(joined.gateways),
        )
        return joined.lease

    async def keep(self) -> None:
        """Stay listed until cancelled: renew in time, register again if the lease is unknown, retry if nobody answers.

        Raises:
            MeshError: the very first registration was refused, or the contracts were, then or later. Other refusals
                are logged and tried again.
        """
        pause = await self._step()
        while True:
            await asyncio.sleep(pause)
            pause = await self._step()

    async def _step(self) -> float:
        """Renew or register once; the seconds to wait before the next step."""
        try:
            lease = await self._renew()
        except _AWAY as error:
            self._log_failure(error)
        except MeshError as error:
            if self._lease is None or error.code in _FINAL:
                raise
            self._log_failure(error)
            if isinstance(error, InstanceTaken):
                self._rename()
        else:
            if self._failures:
                log.info("join_port_is_back")
            self._failures = 0
            # Two renewals may be lost before the lease ends; the spread keeps instances that started together apart.
            return lease.ttl / 3 * self._rng.uniform(0.8, 1.0)
        self._failures += 1
        # A mesh that was started again may have another address or key, so it is looked for before each try.
        self._find_again()
        pause = min(self._limits.join_retry * 2.0 ** min(self._failures - 1, 16), self._limits.join_retry_max)
        return pause * self._rng.uniform(0.5, 1.0)

    def _find_again(self) -> None:
        if self._find is not None:
            with suppress(NotConfigured):  # it is not running now, and may come back at the address that is known
                self._client.use(self._find())

    async def _renew(self) -> Lease:
        if self._lease is None:
            return await self.join()
        try:
            renewed = await self._client.renew(self._lease.instance)
        except UnknownLease:
            return await self.join()
        self._credentials.store_renewal(renewed)
        return renewed.lease

    def _log_failure(self, error: MeshError) -> None:
        if not self._failures:  # one line for an outage, not one for each try
            log.warning("join_failed", url=self._client.url, error=error.message, code=error.code)

    async def drain(self) -> bool:
        """Ask gateways for no new calls, and say whether they were told. Calls about tasks that run here still come. A
        failure is logged.
        """
        self._draining = True
        if self._lease is None:
            return False
        try:
            await self.join()
        except MeshError as error:
            log.warning("drain_not_announced", error=error.message, code=error.code)
            return False
        return True

    async def leave(self) -> None:
        """Take the instance off the list. A failure is logged: the lease ends by itself."""
        if self._lease is None:
            return
        try:
            await self._client.deregister(self._lease.instance)
        except MeshError as error:
            log.warning("leave_failed", error=error.message, code=error.code)


def log_refusal(keeping: asyncio.Future[None]) -> None:
    """Log the refusal that ended a ``Membership.keep`` which nobody waits for."""
    if not keeping.cancelled() and isinstance(error := keeping.exception(), MeshError):
        log.error("left_out_of_the_mesh", error=error.message, code=error.code)
