"""Limits: none can be switched off, however the limits are made."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from meshgate.a2a.limits import DEFAULTS, Limits

NAMES = Limits.__struct_fields__
NO_LIMITS = pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0, -1])


def test_every_default_is_a_limit() -> None:
    assert Limits() == DEFAULTS
    assert all(0 < getattr(DEFAULTS, name) < math.inf for name in NAMES)


@NO_LIMITS
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_limit_is_refused_with_its_name_and_its_default(name: str, value: float) -> None:
    given: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=rf"^limits\.{name} must be a finite number above 0, not {value}: ") as error:
        Limits(**given)
    assert str(error.value).endswith(f"leave it out for the default, {getattr(DEFAULTS, name)}")


@NO_LIMITS
def test_a_copy_is_checked_like_a_new_value(value: float) -> None:
    with pytest.raises(ValueError, match=r"^limits\.deadline must"):
        msgspec.structs.replace(DEFAULTS, deadline=value)


@pytest.mark.parametrize("value", [math.inf, math.nan, 0.0, -1.0])
def test_limits_that_are_read_are_checked_too(value: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"limits\.deadline must"):
        msgspec.convert({"deadline": value}, Limits)
