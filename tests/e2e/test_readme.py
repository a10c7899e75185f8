"""What the documents say to type works: from the built wheel, in an environment that is empty when they begin."""

import re
from pathlib import Path

import pytest

from tests.e2e.conftest import Make
from tests.e2e.environments import ROOT
from tests.e2e.stories import Broken, Story, read_stories, telling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]  # with a cold cache the first one fetches packages

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
STORIES = [story for path in DOCUMENTS for story in read_stories(path.read_text(), str(path.relative_to(ROOT)))]


def told(story: Story, make: Make, wheel: Path) -> None:
    with telling(make(re.sub(r"\W", "-", story.blocks[0].where)), wheel) as teller:
        for block in story.blocks:
            teller.tell(block)


@pytest.mark.requirement("wheel.readme")
@pytest.mark.parametrize(
    "story",
    [pytest.param(one, id=one.name, marks=pytest.mark.timeout(max(180, 6 * len(one.blocks)))) for one in STORIES],
)
def test_what_a_document_says_to_type_works(
    story: Story, make: Make, wheel: Path, request: pytest.FixtureRequest
) -> None:
    if any("curl " in block.text for block in story.blocks):
        request.getfixturevalue("curl")
    told(story, make, wheel)


@pytest.mark.requirement("wheel.readme")
def test_the_readme_is_run_with_a_mesh_an_agent_a_call_and_curl() -> None:
    blocks = [block for story in STORIES for block in story.blocks if block.where.startswith("README.md:")]
    texts = "\n".join(block.text for block in blocks if not block.output)
    assert [one for one in ("pip install", "meshgate up", "meshgate call", "Mesh()", "curl ") if one not in texts] == []
    assert [block.where for block in blocks if block.output]


@pytest.mark.requirement("docs.sdk")
def test_every_block_of_the_page_of_the_sdk_is_run() -> None:
    page = (ROOT / "docs" / "sdk.md").read_text()
    (story,) = read_stories(page, "docs/sdk.md")
    fences = re.findall(r"(?m)^```", page)
    assert len(fences) == 2 * len(story.blocks)
    silent = [
        block.where
        for block, following in zip(story.blocks, [*story.blocks[1:], story.blocks[0]], strict=True)
        if not (block.file or block.background or block.output or following.output or "pip install" in block.text)
    ]
    assert silent == [], "these print something that is not compared"


SAMPLE = """
Text, and a block that is not run:

```bash
exit 1
<!-- run: not-this -->
```

<!-- run: sample -->
```bash
pip install meshgate
export WHO=world
```

<!-- run: sample file=said.txt -->

```text
http://127.0.0.1:8080 and localhost:8082, not 10.0.0.1:8080
```

<!-- run: sample -->
```bash
echo "hello $WHO"; cat said.txt; python -c 'import meshgate.sdk; print("imported")'
```

<!-- run: sample output -->
```text
hello world
http://127.0.0.1:... and localhost:..., not 10.0.0.1:8080
imported
```

<!-- run: sample file=said.txt append -->
```text
more
```

<!-- run: sample -->
```bash
cat said.txt
```

<!-- run: sample output -->
```text
http://127.0.0.1:... and localhost:..., not 10.0.0.1:8080


more
```
"""


def test_a_marked_block_is_run_as_it_says(make: Make, wheel: Path) -> None:
    (story,) = read_stories(SAMPLE, "sample.md")
    assert [block.where for block in story.blocks] == [f"sample.md:{line}" for line in (9, 15, 21, 26, 33, 38, 43)]
    told(story, make, wheel)


@pytest.mark.parametrize(
    "block",
    [
        "<!-- run: bad -->\n```bash\nfalse\ntrue\n```\n",
        "<!-- run: bad -->\n```python\nimport meshgate\n```\n",
        "<!-- run: bad -->\n```bash\npip install --upgrade meshgate\n```\n",
        "<!-- run: bad background -->\n```bash\ntrue\n```\n",
        "<!-- run: bad background again -->\n```bash\nmeshgate up\n```\n",
        "<!-- run: bad -->\n```bash\necho one\n```\n<!-- run: bad output -->\n```\ntwo\n```\n",
    ],
    ids=["fails", "not-installed", "another-pip", "nothing-joins", "nothing-to-end", "prints-something-else"],
)
def test_a_document_that_does_not_do_what_it_says_is_found_out(block: str, make: Make, wheel: Path) -> None:
    (story,) = read_stories(block, "bad.md")
    with pytest.raises(Broken):
        told(story, make, wheel)


@pytest.mark.parametrize(
    "text", ["<!-- run: x -->\nno block\n", "<!-- run: x fil=a -->\n```\n```\n", "<!-- run: x -->\n```toml\n```\n"]
)
def test_a_comment_that_runs_nothing_is_refused(text: str) -> None:
    with pytest.raises(Broken):
        read_stories(text, "x.md")
