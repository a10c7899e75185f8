#!/usr/bin/env python3
"""Draws docs/architecture.svg from the source tree, or, with --check, says whether it is current.

Two drawings of one kind: the areas, and the folders of the gateway. Each row of boxes imports only from rows below it.
Each box has a line down its left; a dot on the line is an import of the box that the dot's arrow leads to. Beside the
gateway's folders runs the path of one call. The table of policies in docs/architecture.md is compared with the code.

usage: tools/picture.py [--check]
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from tree import ROOT, Imports, Node, Rows, Stop, area_imports, areas, folder_imports, folders, path

PICTURE = ROOT / "docs" / "architecture.svg"
PAGE = ROOT / "docs" / "architecture.md"

WIDTH, MARGIN = 920, 20
RIGHT = WIDTH - MARGIN
LANE = 17
"""Between the lines of two boxes."""
LINE = 15
"""Between two lines of text."""
PATH = 462
"""Where the path of a call begins."""
LIST, GAP = 112, 32
"""The width of a list of policies, and what is between two."""
STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --box: #f6f8fa; --edge: #afb8c1; --text: #1f2328; --soft: #59636e;
  --lane: #8c959f; --path: #0969da; --band: #ddf0ff; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --box: #161b22; --edge: #3d444d; --text: #e6edf3;
  --soft: #9198a1; --lane: #6e7681; --path: #58a6ff; --band: #10253f; } }
text { font-family: sans-serif; font-size: 11px; fill: var(--text); }
.title { font-size: 16px; font-weight: bold; }
.name { font-family: monospace; font-size: 13px; font-weight: bold; }
.code { font-family: monospace; }
.soft { fill: var(--soft); }
.page { fill: var(--page); }
.box { fill: var(--box); stroke: var(--edge); }
.way { stroke: var(--path); }
.band { fill: var(--band); }
.lane { fill: none; stroke: var(--lane); stroke-width: 0.8; }
.dot { fill: var(--lane); }
.path { fill: none; stroke: var(--path); stroke-width: 2.5; stroke-linejoin: round; }
.stop { fill: var(--page); stroke: var(--path); stroke-width: 1.5; }
.end { fill: var(--path); }
"""


AREAS = (
    "A row imports only from rows below it, and boxes in one row do not import each other (make lint holds both). "
    "A box's line leads down to dots; the arrow from a dot leads to what the box imports. A bigger dot is more imports."
)
FOLDERS = (
    "The same for the folders and modules of meshgate.gateway. In blue the path of one call: through the lists of "
    "policies, which app.py puts together, and the folders between them. The reply goes back the same way."
)


class Box(NamedTuple):
    """A node and its place."""

    node: Node
    x: int
    y: int
    width: int
    height: int
    lane: int
    """Where its line runs down."""
    inlet: int
    """How high the arrow to it runs."""

    @property
    def bottom(self) -> int:
        """Its lower edge."""
        return self.y + self.height


# -- text


def text(x: int, y: int, content: str, kind: str = "") -> str:
    """One line of text."""
    return f'<text x="{x}" y="{y}"' + (f' class="{kind}"' if kind else "") + f">{escape(content, quote=False)}</text>"


def wrapped(sentence: str, width: int, most: int) -> list[str]:
    """The sentence in lines of this many pixels, shortened to ``most`` lines. A character is taken for 6.2 pixels."""
    return textwrap.wrap(sentence, max(12, int(width / 6.2)), max_lines=most, placeholder=" …")


def paragraph(x: int, y: int, sentence: str) -> Iterator[str]:
    """Text over the whole width."""
    for line, content in enumerate(wrapped(sentence, RIGHT - x, 9)):
        yield text(x, y + line * LINE, content, "soft")


def is_modules(node: Node) -> bool:
    """Whether the node is modules, not a folder."""
    return node.modules == 0


def content(node: Node, width: int) -> list[str]:
    """The text of a folder under its name."""
    said = wrapped(node.lines[0][1], width - 16, 4)
    inner = ", ".join(f"{name}/" for name in node.folders)
    return said + (wrapped(inner, width - 16, 3) if inner else [])


def height(node: Node, width: int) -> int:
    """How high its box is."""
    if is_modules(node):
        return 9 + LINE * len(node.lines)
    return 28 + LINE * len(content(node, width))


# -- rows of boxes


def place(rows: Rows, top: int, tall: dict[str, int], narrow: Sequence[str]) -> list[Box]:
    """The boxes of all rows.

    Args:
        tall: the least heights of some boxes, by name.
        narrow: boxes that leave room for the path on their right; in their row they stand last.
    """
    boxes: list[Box] = []
    y = top
    for row in rows:
        x = MARGIN + len(boxes) * LANE
        beside = any(node.name in narrow for node in row)
        nodes = sorted(row, key=lambda node: node.name in narrow)
        width = ((PATH - 14 if beside else RIGHT) - x - 8 * (len(nodes) - 1)) // len(nodes)
        high = max(max(height(node, width), tall.get(node.name, 0)) for node in nodes)
        y += 14 + 7 * len(nodes)
        for place, node in enumerate(nodes):
            left = x + place * (width + 8)
            # The arrow to a box on the right runs above those to the boxes on its left, so that none cross.
            boxes.append(Box(node, left, y, width, high, x + 7 + place * LANE, y - 7 - 7 * place))
        y += high + 5 * (len(nodes) - 1) + 4
    return boxes


def draw_imports(boxes: Sequence[Box], imports: Imports) -> Iterator[str]:
    """The line of each box, the arrows to what it imports, and a dot where they meet."""
    for box in boxes:
        imported = [other for other in boxes if (box.node.name, other.node.name) in imports]
        if imported:
            yield lane(box, boxes, max(other.inlet for other in imported))
        importers = [other for other in boxes if (other.node.name, box.node.name) in imports]
        if importers:
            end = box.x + 18 if box.x + 18 > box.lane + 6 else box.lane + 9
            start = min(other.lane for other in importers)
            yield f'<path class="lane" d="M{start} {box.inlet}H{end}V{box.y}"/>'
            yield f'<path class="dot" d="M{end} {box.y}l-3 -5h6z"/>'
        for other in importers:
            count = imports[other.node.name, box.node.name]
            size = 2 if count < 4 else 3 if count < 16 else 4
            told = f"{other.node.name} imports {box.node.name}: {count}"
            yield f'<circle class="dot" cx="{other.lane}" cy="{box.inlet}" r="{size}"><title>{told}</title></circle>'


def lane(box: Box, boxes: Sequence[Box], end: int) -> str:
    """The line from a box down to the last arrow that it needs."""
    row = [other for other in boxes if other.y == box.y]
    if box is row[0]:
        return f'<path class="lane" d="M{box.lane} {box.bottom}V{end}"/>'
    turn = box.bottom + 5 * row.index(box)
    return f'<path class="lane" d="M{box.x + 8} {box.bottom}V{turn}H{box.lane}V{end}"/>'


def draw_box(box: Box, on_path: bool) -> Iterator[str]:
    """A box with its text."""
    kind = "box way" if on_path else "box"
    yield f'<rect class="{kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="5"/>'
    if is_modules(box.node):
        for place, (name, sentence) in enumerate(box.node.lines):
            y = box.y + LINE * (place + 1)
            yield text(box.x + 8, y, name, "name")
            column = box.x + 20 + 8 * max(len(name) for name, _ in box.node.lines)
            yield text(column, y, wrapped(sentence, box.x + box.width - column, 1)[0])
        return
    said = wrapped(box.node.lines[0][1], box.width - 16, 4)
    count = f"{box.node.modules} modules"
    yield text(box.x + 8, box.y + 18, box.node.name, "name")
    yield text(box.x + 20 + 8 * len(box.node.name), box.y + 18, count, "soft")
    for line, one in enumerate(content(box.node, box.width)):
        yield text(box.x + 8, box.y + 18 + LINE * (line + 1), one, "" if line < len(said) else "code soft")


# -- the path of a call


def draw_path(stops: Sequence[Stop], boxes: Sequence[Box]) -> Iterator[str]:
    """The path of a call through the bands of its folders: down from a list of policies to what stands behind it."""
    named = {stop.folder for stop in stops}
    band = {box.node.name: box for box in boxes if box.node.name in named}
    for box in band.values():
        x = box.x + box.width + 4
        yield f'<rect class="band" x="{x}" y="{box.y}" width="{RIGHT - x}" height="{box.height}" rx="5"/>'
    first, *rest = stops
    line, shapes = enter(band[first.folder])
    for place, (one, behind) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        left = PATH + 26 + place * (LIST + GAP)
        above, below = band[one.folder], band[behind.folder]
        line.append(f"V{above.y + 20}H{left + LIST}")
        shapes += [arrow(left, above.y + 20, "right"), *draw_list(one, left, above)]
        if behind is rest[-1]:
            middle = left + LIST // 2
            line.append(f"M{middle} {above.bottom - 6}V{below.y + 19}H{RIGHT - 8}")
            shapes += [*draw_stop(behind, middle, below), arrow(middle, below.y + 8, "down")]
            shapes += [arrow(RIGHT - 3, below.y + 19, "right"), text(RIGHT - 66, below.y + 46, "to an agent")]
        else:
            middle = left + LIST + GAP // 2
            line.append(f"H{middle - 8}V{below.y + 14}H{middle + 8}")
            shapes += [*draw_stop(behind, middle, below), arrow(middle - 8, below.y + 8, "down")]
    yield f'<path class="path" d="{"".join(line)}"/>'
    yield from shapes


def enter(box: Box) -> tuple[list[str], list[str]]:
    """Where the path begins: the line, and the shapes upon it."""
    x, y = box.x + box.width, box.y + 20
    return [f"M{x} {y}H{PATH + 8}"], [text(PATH, y + 22, "a call comes in")]


def arrow(x: int, y: int, to: str) -> str:
    """The head of an arrow of the path, with its tip at a point."""
    shape = "l-7 -4v8z" if to == "right" else "l-4 -7h8z"
    return f'<path class="end" d="M{x} {y}{shape}"/>'


def draw_list(stop: Stop, x: int, box: Box) -> Iterator[str]:
    """One of the three lists."""
    yield f'<rect class="stop" x="{x}" y="{box.y + 6}" width="{LIST}" height="{box.height - 12}" rx="5"/>'
    yield text(x + 8, box.y + 22, stop.name, "name")
    yield text(x + 8, box.y + 22 + LINE, stop.sentence, "soft")
    for place, name in enumerate(stop.policies):
        yield text(x + 8, box.y + 24 + LINE * (place + 2), name, "code")


def draw_stop(stop: Stop, middle: int, box: Box) -> Iterator[str]:
    """A stop between the lists."""
    width = 16 + 8 * len(stop.name)
    yield f'<rect class="stop" x="{middle - width // 2}" y="{box.y + 8}" width="{width}" height="22" rx="11"/>'
    yield text(middle - width // 2 + 8, box.y + 23, stop.name, "name")


# -- the whole


def drawing() -> str:
    """The picture."""
    rows = areas()
    boxes = place(rows, 58, {}, ())
    parts = [
        text(MARGIN, 32, "The areas", "title"),
        *paragraph(MARGIN, 52, AREAS),
        *draw_imports(boxes, area_imports(rows)),
    ]
    for box in boxes:
        parts += draw_box(box, on_path=False)
    top = boxes[-1].bottom + 48
    inner = folders()
    stops = (Stop("", "ingress"), *path())
    on_path = {stop.folder for stop in stops}
    tall = {stop.folder: 44 + LINE * (1 + max(len(one.policies) for one in stops)) for stop in stops if stop.policies}
    placed = place(inner, top + 34, tall, sorted(on_path))
    parts += [
        text(MARGIN, top, "The gateway, and the path of one call", "title"),
        *paragraph(MARGIN, top + 20, FOLDERS),
    ]
    parts += [*draw_imports(placed, folder_imports(inner)), *draw_path(stops, placed)]
    for box in placed:
        parts += draw_box(box, on_path=box.node.name in on_path)
    return page(parts, placed[-1].bottom + MARGIN)


def page(parts: Sequence[str], high: int) -> str:
    """The SVG file."""
    size = f'viewBox="0 0 {WIDTH} {high}" width="{WIDTH}" height="{high}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    about = "<title>The areas of Meshgate, the folders of its gateway, and the path of one call</title>"
    back = f'<rect class="page" width="{WIDTH}" height="{high}" rx="8"/>'
    return "\n".join((head, about, f"<style>{STYLE}</style>", back, *parts, "</svg>", ""))


def wrong_lists() -> Iterator[str]:
    """The differences between the page's table of the three lists and the code: a row is a policy after its list."""
    rows = re.findall(r"(?m)^\| ?(\w*) ?\| `(\w+)` \|", PAGE.read_text("utf-8"))
    told: dict[str, list[str]] = {}
    for name, policy in rows:
        told.setdefault(name or next(reversed(told), ""), []).append(policy)
    listed = {stop.name: list(stop.policies) for stop in path() if stop.policies}
    for name, policies in listed.items():
        if told.get(name) != policies:
            yield f"docs/architecture.md does not have the list {name!r} as it is: {', '.join(policies)}"


def main() -> int:
    """Draw the picture, or compare it; compare the page's table of policies in either case."""
    current = drawing()
    wrong = list(wrong_lists())
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(current, "utf-8")
    elif not PICTURE.exists() or PICTURE.read_text("utf-8") != current:
        wrong.append("docs/architecture.svg is not what the tree says: run tools/picture.py")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
