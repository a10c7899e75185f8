"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Json"]

Json = Annotated[bool, typer.Option("--json", help="Print the admin API's answer as JSON.")]
