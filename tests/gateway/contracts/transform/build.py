"""Contracts from the text of .proto files, and one schema that holds a field of every kind."""

from __future__ import annotations

import functools

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.transform import CompiledContract
from tests.registry.schemas.build import image

__all__ = ["EVERYTHING", "FORECAST", "contract", "everything"]

EVERYTHING = """
enum Colour { COLOUR_UNSPECIFIED = 0; RED = 1; GREEN = 2; NEGATIVE = -1; }
message Inner { string name = 1; int32 number = 2; Everything back = 3; Inner inner = 4; }
message Everything {
  double a_double = 1; float a_float = 2; int32 a_int32 = 3; int64 a_int64 = 4; uint32 a_uint32 = 5;
  uint64 a_uint64 = 6; sint32 a_sint32 = 7; sint64 a_sint64 = 8; fixed32 a_fixed32 = 9; fixed64 a_fixed64 = 10;
  sfixed32 a_sfixed32 = 11; sfixed64 a_sfixed64 = 12; bool a_bool = 13; string a_string = 14; bytes a_bytes = 15;
  Colour colour = 16; Inner inner = 17;
  repeated int32 many_int32 = 20; repeated string many_strings = 21; repeated Inner inners = 22;
  repeated Colour colours = 23; repeated double many_doubles = 24; repeated bytes many_bytes = 25;
  map<string, int64> by_name = 30; map<int32, Inner> by_number = 31; map<bool, string> by_truth = 32;
  map<string, Colour> colour_of = 33; map<uint64, double> by_large = 34;
  optional int32 maybe_int32 = 40; optional string maybe_string = 41; optional Colour maybe_colour = 42;
  oneof choice {
    string chosen_string = 50; int32 chosen_int32 = 51; Inner chosen_inner = 52; Colour chosen_colour = 53;
  }
  google.protobuf.Timestamp at = 60; google.protobuf.Duration span = 61; google.protobuf.Struct object = 62;
  google.protobuf.Value value = 63; google.protobuf.ListValue list = 64; google.protobuf.FieldMask mask = 65;
  google.protobuf.Any any = 66; google.protobuf.Empty empty = 67; google.protobuf.Int64Value wrapped = 68;
  google.protobuf.StringValue wrapped_string = 69; google.protobuf.BytesValue wrapped_bytes = 70;
  google.protobuf.FloatValue wrapped_float = 71; google.protobuf.BoolValue wrapped_bool = 72;
  repeated google.protobuf.Value values = 73; repeated google.protobuf.Timestamp times = 74;
  map<string, google.protobuf.Value> value_of = 75; google.protobuf.NullValue nothing = 76;
  map<string, google.protobuf.Duration> spans = 77; string other_name = 80 [json_name = "Other"];
}
"""

FORECAST = """
enum Unit { UNIT_UNSPECIFIED = 0; CELSIUS = 1; FAHRENHEIT = 2; }
message Gust { double speed = 1 [(buf.validate.field).double.gte = 0]; string from = 2; }
message Wind { repeated Gust gusts = 1; map<string, Gust> by_hour = 2; }
message Request {
  string city = 1 [(buf.validate.field).string = {min_len: 2, max_len: 40}];
  int32 days = 2 [(buf.validate.field).int32 = {gte: 1, lte: 14}];
  Unit unit = 3; Wind wind = 4; repeated string tags = 5; int64 after = 6;
  string note = 7 [(buf.validate.field).string.pattern = "^[a-z ]*$"];
  bool hourly = 8; double latitude = 9 [(buf.validate.field).double = {gte: -90, lte: 90}]; bytes token = 10;
}
"""


def contract(
    body: str, name: str = "A", version: str = "1.0.0", limits: Limits = DEFAULTS, syntax: str = "proto3"
) -> CompiledContract:
    """The contract of message ``p.name`` in these declarations."""
    return CompiledContract(image(body, syntax), f"p.{name}", version, limits)


@functools.cache
def everything() -> CompiledContract:
    """The contract of the message that has a field of every kind."""
    return contract(EVERYTHING, "Everything")
