import pytest

from meshgate.a2a.errors import VersionNotSupported
from meshgate.a2a.protocol_version import VERSION_HEADER, check_version


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.7"])
def test_version_one_is_served_whatever_its_patch(version: str) -> None:
    check_version({VERSION_HEADER: version})


@pytest.mark.parametrize(
    "version", ["", "0.3", "1", "1.1", "1.7", "2.0", "99.0", "1.0,1.0", "1.0 x", "1.0.", "1.0.x", "\u0661.0"]
)
def test_another_version_is_refused(version: str) -> None:
    with pytest.raises(VersionNotSupported):
        check_version({VERSION_HEADER: version})


def test_a_missing_header_means_what_the_query_says() -> None:
    check_version({}, "1.0")
    with pytest.raises(VersionNotSupported):
        check_version({}, "0.3")


def test_neither_header_nor_query_means_a_version_that_is_not_served() -> None:
    with pytest.raises(VersionNotSupported):
        check_version({})


def test_the_header_goes_before_the_query() -> None:
    with pytest.raises(VersionNotSupported):
        check_version({VERSION_HEADER: "0.3"}, "1.0")
