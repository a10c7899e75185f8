"""Callers of one release of the weather agent, as a process: so many calls a second, in the words of that release.

The calls start on time, whether the ones before were answered or not. Each prints a line of JSON when it is over, and
an answer counts only if it says what was asked for, in the caller's words. SIGTERM ends the calling; what is under way
is waited for. They know Python, httpx and the words, and nothing of Meshgate.

    MESHGATE_KEY=... python callers.py URL VERSION RATE
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import httpx

QUESTIONS: dict[str, dict[str, Any]] = {
    "1.0.0": {"city": "Bern"},
    "1.1.0": {"city": "Bern", "days": 3},
    "1.2.0": {"city": "Bern", "days": 3},
    "2.0.0": {"city": "Bern", "days": 3},
}
"""The request of a caller of each release."""
_FIRST = {"city": "Bern", "temp_c": 21.5, "wind_kmh": 12.0, "wind_dir": "NW"}
ANSWERS: dict[str, dict[str, Any]] = {
    "1.0.0": _FIRST,
    "1.1.0": _FIRST,
    "1.2.0": {"city": "Bern", "temperature": 21.5, "wind_kmh": 12.0, "wind_dir": "NW"},
    "2.0.0": {"city": "Bern", "temperature": 21.5, "wind": {"speed": 12.0, "direction": "NW"}},
}
"""The answer that it must get, whichever release answers; there may be humidity too."""
_SECONDS = 10.0


async def ask(client: httpx.AsyncClient, url: str, version: str) -> tuple[str, str]:
    """One call: which releases met, and what is wrong with the answer ("" if nothing)."""
    said = f"application/json; type=agents.weather.forecast.Query; version={version}"
    message = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"data": QUESTIONS[version], "mediaType": said}]}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    try:
        answer = await client.post(f"{url}/agents/weather", json=body)
        found: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return "", f"{type(error).__name__}: {error}"
    if "error" in found:
        return "", str(found["error"])
    told = dict(found["result"]["task"]["artifacts"][0]["parts"][0]["data"])
    humidity = told.pop("humidity", 40)
    met = answer.headers.get("meshgate-schema", "")
    return met, "" if told == ANSWERS[version] and 40 <= humidity <= 47 else f"it answered {told}"


async def call(url: str, version: str, rate: float, key: str) -> None:
    """Call until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    headers = {"A2A-Version": "1.0", "Authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=_SECONDS, trust_env=False) as client,
        asyncio.TaskGroup() as calls,
    ):
        due = loop.time()
        while not stop.is_set():
            calls.create_task(_one(client, url, version))
            due += 1 / rate
            try:
                async with asyncio.timeout_at(due):
                    await stop.wait()
            except TimeoutError:
                continue


async def _one(client: httpx.AsyncClient, url: str, version: str) -> None:
    met, wrong = await ask(client, url, version)
    print(json.dumps({"caller": version, "met": met, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    _, where, speaks, how_many = sys.argv
    asyncio.run(call(where, speaks, float(how_many), os.environ["MESHGATE_KEY"]))
