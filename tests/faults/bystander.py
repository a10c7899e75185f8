"""Somebody else's calls, from a process of their own: ``python -m tests.faults.bystander URL KEY AGENT RATE SECONDS``.

Prints one line of JSON: latencies in seconds, and errors.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp

from tests.faults.load import Caller, Load, failed


async def _run(url: str, key: str, agent: str, rate: float, seconds: float) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        load = Load(Caller(session, url, lambda: key), agent, rate, kinds=("send",))
        await load.warm(10)
        async with load:
            await asyncio.sleep(seconds)
    told = {
        "at": [each.at for each in load.samples],
        "seconds": [each.seconds for each in load.samples],
        "errors": [each.code for each in failed(load.samples)],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5])))
