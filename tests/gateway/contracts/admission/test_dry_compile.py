"""What a release would come to on traffic is tried when it registers."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.model import Migration
from meshgate.registry.schemas import BadSchema
from tests.gateway.contracts.admission.test_gate import Counting, register
from tests.gateway.contracts.schemas import BROKEN, FIRST, GROWN, contract

CEL = "message A { string city = 1 [(buf.validate.field).cel = {%s}]; } message B { string text = 1; }"


@pytest.mark.requirement("schema.trial")
@pytest.mark.parametrize(
    "text",
    [
        CEL % 'id: "a" expression: "this +"',
        CEL % 'id: "a" expression: "nobody(this)"',
        'message A { string city = 1 [(buf.validate.field).string.pattern = "(?=a)b"]; } message B {}',
        "message A { string city = 1 [(buf.validate.field).int32.gt = 1]; } message B {}",
    ],
)
async def test_a_constraint_that_no_gateway_could_check_is_refused_with_its_place(text: str) -> None:
    registry = Counting()
    with pytest.raises(BadSchema) as refused:
        await register(registry, contract("1.0.0", text), texts=(text,))
    assert refused.value.violations[0][0].startswith("p.A")
    assert registry.writes == 0


@pytest.mark.requirement("schema.trial")
@pytest.mark.parametrize(
    ("migration", "path"),
    [
        (Migration("^1", up={"days": "old.days >"}), "p.A: days"),
        (Migration("^1", up={"days": "other.days"}), "p.A: days"),
        (Migration("^1", up={"dayz": "true"}), "dayz"),
        (Migration("^1", down={"text": "old.text +"}), "p.B: text"),
        (Migration("^1", down={"texts": "'a'"}), "texts"),
        (Migration("^1", up={"text": "b'a'"}, side="input"), "p.A"),
    ],
)
async def test_a_migration_that_leads_nowhere_is_refused_with_its_place(migration: Migration, path: str) -> None:
    registry = Counting()
    await register(registry, contract("1.0.0", FIRST), contract("1.1.0", GROWN), texts=(FIRST, GROWN))
    before = registry.writes
    with pytest.raises(BadSchema) as refused:
        await register(registry, contract("2.0.0", BROKEN, migrations=(migration,)), texts=(BROKEN,))
    assert refused.value.violations[0][0].startswith(path)
    assert registry.writes == before


async def test_migrations_that_lead_somewhere_are_taken() -> None:
    registry = Counting()
    good = Migration("^1", up={"days": "old.days > 0"}, down={"days": "old.days ? 1 : 0"})
    for number, start in enumerate(("1.0.0", "3.0.0")):
        await register(registry, contract(start, FIRST), texts=(FIRST,))
        kept = contract(f"{number + 4}.0.0", BROKEN, migrations=(good,))
        assert (await register(registry, kept, texts=(BROKEN,))).notices == ()


async def test_a_function_that_is_not_installed_is_told_and_refuses_nothing() -> None:
    registry: Any = MemoryRegistry()
    await register(registry, contract("1.0.0", FIRST), texts=(FIRST,))
    moved = contract("2.0.0", BROKEN, migrations=(Migration("^1", function="nowhere"),))
    (notice,) = (await register(registry, moved, texts=(BROKEN,))).notices
    assert "nowhere" in notice
