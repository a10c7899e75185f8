import pytest

from meshgate.a2a.mesh.headers import deadline_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (20.0, "20.000000"),
        (19.9999997, "19.999999"),
        (0.0019, "0.001900"),
        (0.0000009, "0.000000"),
        (0.0, "0.000000"),
        (-3.0, "0.000000"),
    ],
)
@pytest.mark.requirement("path.deadline")
def test_a_deadline_is_never_rounded_up(seconds: float, text: str) -> None:
    assert deadline_text(seconds) == text
