"""Fuzzes one target in this process, with Atheris: ``python -m tests.fuzz.engine NAME ARGUMENTS OF LIBFUZZER``.

Coverage is that of all of ``meshgate``, whose modules are changed as they are imported, so nothing of it may be
imported before. The process ends with 0, or at the first input that fails, which libFuzzer writes to a file.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any


def main() -> None:
    """Run until libFuzzer's limits are reached."""
    atheris: Any = importlib.import_module("atheris")  # has no types, and is there only where ``make fuzz`` put it
    with atheris.instrument_imports(include=["meshgate"], enable_loader_override=False):
        from tests.fuzz.mutations import mutator
        from tests.fuzz.targets import TARGETS
    name, *arguments = sys.argv[1:]
    target = TARGETS[name]

    def change_bytes(data: bytes, most: int) -> bytes:
        changed: bytes = atheris.Mutate(data, most)  # is another function before Fuzz() than after
        return changed

    began = False

    def run(data: bytes) -> None:
        nonlocal began
        began = True
        target.run(data)

    try:
        atheris.Setup([sys.argv[0], *arguments], run, custom_mutator=mutator(target, change_bytes))
        atheris.Fuzz()
    except BaseException:
        if began:
            raise  # as the process ends libFuzzer notices, and writes the input
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # a usual end would hang: what Atheris keeps waits for an interpreter that is gone


if __name__ == "__main__":
    main()
