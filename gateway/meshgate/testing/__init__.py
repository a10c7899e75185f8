"""A whole mesh in one process, for tests: it has no ports, takes a clock, and its agents follow scripts.

::

    async with LocalMesh() as mesh:
        await mesh.add("echo", lambda call: text("hello"))
        reply = await mesh.call("echo", "hi")
"""

from meshgate.testing.agents import Script, fail, silent, stream, task, text
from meshgate.testing.mesh import LocalMesh, Result

__all__ = ["LocalMesh", "Result", "Script", "fail", "silent", "stream", "task", "text"]
