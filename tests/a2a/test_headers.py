import pytest

from meshgate.a2a.headers import deadline_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20.0, "20.000"), (19.99975, "19.999"), (0.0019, "0.001"), (0.0009, "0.000"), (0.0, "0.000"), (-3.0, "0.000")],
)
@pytest.mark.requirement("path.deadline")
def test_a_deadline_is_never_rounded_up(seconds: float, text: str) -> None:
    assert deadline_text(seconds) == text
