"""The page about contracts and models says what was found out by running each of its cases."""

from __future__ import annotations

import re

import pytest

from tests.sdk.schemas.model_cases import GIVEN, MADE, PAGE, SENT, find_tables, page_with

_TABLE = re.compile(r"<!-- measured: ([a-z-]+) -->\n(.*?)<!-- end -->", re.DOTALL)


@pytest.mark.requirement("docs.models")
async def test_each_table_of_the_page_is_what_pydantic_and_the_contract_do() -> None:
    found = await find_tables()
    page = PAGE.read_text("utf-8")
    told = {name: text.splitlines() for name, text in _TABLE.findall(page)}
    assert told == found, "run: python -m tests.sdk.schemas.model_cases"
    assert page_with(found) == page
    rows = sum(len(lines) - 2 for lines in told.values())
    assert rows == sum(map(len, MADE.values())) + len(SENT) + len(GIVEN)
