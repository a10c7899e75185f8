"""A policy of your own: expensive skills are not called at night. Run it as it is: python examples/policy/night.py"""

import asyncio
import time
from collections.abc import Callable

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, RateLimited
from meshgate.gateway import Placed, Policies
from meshgate.testing import LocalMesh, text


class NightRest:
    name = "night_rest"

    def __init__(self, clock: Callable[[], time.struct_time] = time.localtime) -> None:
        self._clock = clock

    def admit(self, call: Call) -> Call:
        if call.route.agent.startswith("gpu-") and self._clock().tm_hour < 6:
            raise RateLimited(f"{call.route.agent} rests until 6 o'clock", retry_after=3600.0)
        return call


async def main() -> None:
    night = Placed(NightRest(lambda: time.struct_time((2026, 1, 1, 3, 0, 0, 0, 0, 0))), after="rate_limit")
    async with LocalMesh(policies=Policies(call=(night,))) as mesh:
        await mesh.add("gpu-writer", text("a poem"))
        await mesh.add("clock", text("three o'clock"))
        print((await mesh.call("clock")).tree)
        try:
            await mesh.call("gpu-writer")
        except MeshError as error:
            print(error.code, error)


if __name__ == "__main__":
    asyncio.run(main())
