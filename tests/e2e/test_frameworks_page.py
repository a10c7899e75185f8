"""The page of frameworks shows the recipes as they stand, and the tables that the code makes."""

import re
from collections.abc import Callable

import pytest

from tests.e2e.environments import ROOT
from tests.e2e.recipes import FOLDER, MARK, RECIPES, Recipe, table
from tests.interop.clashes import beside_table, together_table

PAGE = (ROOT / "docs" / "frameworks.md").read_text("utf-8")
BLOCKS = re.findall(r"(?ms)^<!-- recipe: (\w+) -->\n```python\n(.*?)^```$", PAGE)


@pytest.mark.requirement("docs.frameworks")
def test_each_block_of_the_page_is_a_part_of_its_program() -> None:
    assert PAGE.count("```python") == len(BLOCKS)
    unlike = [text for name, text in BLOCKS if text not in (FOLDER / f"{name}.py").read_text("utf-8")]
    assert unlike == []


@pytest.mark.requirement("docs.frameworks")
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.program)
def test_the_page_shows_what_makes_a_recipe_an_agent_of_the_mesh(recipe: Recipe) -> None:
    _, _, joining = recipe.file.read_text("utf-8").partition(MARK)
    wanted = joining.partition("\n\nif __name__")[0].strip()
    assert wanted
    assert wanted in [text.strip() for name, text in BLOCKS if name == recipe.program]


@pytest.mark.requirement("docs.frameworks")
def test_every_recipe_is_one_that_is_run() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(one.program for one in RECIPES)


@pytest.mark.requirement("docs.frameworks", "docs.clashes")
@pytest.mark.parametrize("make", [table, beside_table, together_table])
def test_the_page_has_the_tables_of_today(make: Callable[[], str]) -> None:
    made = make()
    assert made in PAGE, f"docs/frameworks.md wants this:\n{made}"
