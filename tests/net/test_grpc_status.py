import grpc
from google.rpc import code_pb2  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code

from meshgate.net.grpc_status import CODES, read_metadata


def test_metadata_is_read_as_headers() -> None:
    metadata = (("a", "1"), ("b", "2"), ("a", "3"), ("c-bin", b"\x00"))
    assert read_metadata(metadata) == {"a": "1,3", "b": "2"}
    assert read_metadata(None) == {}


def test_grpc_and_googles_codes_have_the_same_names_and_numbers() -> None:
    assert {number: code.name for number, code in CODES.items()} == {
        number: name for name, number in code_pb2.Code.items()
    }
    assert CODES[5] is grpc.StatusCode.NOT_FOUND
