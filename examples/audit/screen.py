"""The progress of an audit for people: a live table on a terminal, else plain lines."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from meshgate.cli.console import plain

__all__ = ["Screen"]


class Screen:
    """Steps and how each goes.

    Args:
        console: where it shows.
        clock: monotonic seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._steps: dict[str, str] = {}
        self._last = ""
        self._fraction = 0.0
        self._over = self._broken = False
        self._spinner = Spinner("dots", style="cyan")
        # The view is made again at each refresh, so that the clock in it runs.
        self._live = (
            Live(console=console, get_renderable=self._view, refresh_per_second=8) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over, self._broken = True, kind is not None
        if not self._broken:
            self._fraction = 1.0
        if self._live is not None:
            self._live.stop()

    def step(self, name: str, how: str, fraction: float | None = None) -> None:
        """Say how a step goes.

        Args:
            fraction: how far everything is, from 0 to 1.
        """
        how = plain(how)
        if fraction is not None:
            self._fraction = max(fraction, self._fraction)
        if self._steps.get(name) == how:
            return
        self._steps[name] = how
        self._last = name
        if self._live is None:
            self._console.print(Text(f"{self._fraction:4.0%} {name}: {how}"), soft_wrap=True)

    def note(self, text: str) -> None:
        """Say something that stays."""
        self._console.print(Text(plain(text), "yellow"), soft_wrap=True)

    def _mark(self, name: str) -> RenderableType:
        if name != self._last or (self._over and not self._broken):
            return Text("✓", "green")
        return Text("✗", "red") if self._over else self._spinner

    def _view(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column(style="bold", min_width=10)
        table.add_column(overflow="ellipsis", no_wrap=True)
        for name, how in self._steps.items():
            table.add_row(self._mark(name), name, Text(how))
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            "  ",
            ProgressBar(total=1.0, completed=self._fraction, width=50),
            f"{self._fraction:.0%}",
            Text(f"{self._clock() - self._began:.1f} s", "dim"),
        )
        return Group(table, bar)
