"""One call of the weather agent in the words of one version: python caller.py URL VERSION CITY.

The key is taken from MESHGATE_KEY. Prints the answer's data as JSON.
"""

import json
import os
import sys
import urllib.request


def ask(url: str, version: str, data: dict[str, object], key: str) -> dict[str, object]:
    """The data of the answer."""
    said = f"application/json; type=agents.weather.forecast.Query; version={version}"
    message = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"data": data, "mediaType": said}]}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}}
    headers = {"Content-Type": "application/json", "A2A-Version": "1.0", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{url}/agents/weather", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    if "error" in found:
        sys.exit(json.dumps(found["error"]))
    (artifact,) = found["result"]["task"]["artifacts"]
    (part,) = artifact["parts"]
    print(part["mediaType"], file=sys.stderr)
    return part["data"]


if __name__ == "__main__":
    _, url, version, city = sys.argv
    print(json.dumps(ask(url, version, {"city": city}, os.environ["MESHGATE_KEY"])))
