"""A worker of ``meshgate up --workers N``. The supervisor starts it and sends its settings to its standard input."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from meshgate.gateway.observe.logs import configure_logs
from meshgate.gateway.process.supervisor import Orders, run_worker


async def _main() -> None:
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = await reader.readline()
    try:
        orders = msgspec.json.decode(line, type=Orders)
    except msgspec.MsgspecError:
        sys.exit("this is a worker of 'meshgate up --workers N', which starts it; run that instead")
    await run_worker(orders, reader)


if __name__ == "__main__":
    configure_logs()
    try:
        import uvloop
    except ImportError:
        asyncio.run(_main())
    else:
        uvloop.run(_main())
