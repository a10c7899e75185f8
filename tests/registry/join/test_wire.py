"""The join port's messages: what goes in comes out, in both forms, and what is wrong is named."""

import base64
import json
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2  # pyright: ignore[reportMissingTypeStubs]
from hypothesis import given
from hypothesis import strategies as st

from meshgate.a2a import errors
from meshgate.a2a.errors import ContentTypeNotSupported, InvalidParams, MeshError, ParseError
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.foreign.agent_credential import AgentCredential, OAuth2Client
from meshgate.registry.join import wire
from meshgate.registry.model import (
    Capability,
    Endpoint,
    ForeignTerms,
    HealthCheck,
    Instance,
    Lease,
    Manifest,
    Migration,
    SchemaRef,
)
from meshgate.registry.schemas import BadSchema, Incompatible, StageRefused, VersionRetired, VersionTaken
from meshgate.v1 import registry_pb2

MANIFEST = Manifest(
    agent="summariser",
    version="1.4.0",
    description="Shortens texts",
    skills=(
        Capability(
            skill="summarise",
            version="2.1.0-rc.1",
            description="Shorten a text.",
            tags=("text", "short"),
            labels={"region": "eu"},
            input=SchemaRef("Article"),
            output=SchemaRef("demo.Summary", "sha256:00", "1.0.0"),
            cost_usd=0.002,
            latency=1.5,
            reentrant=3,
            default=True,
            owner="texts@example.org",
            steward="platform@example.org",
            migrations=(
                Migration("^1", {"text": "old.body"}, {"body": "old.text"}),
                Migration("1.0.0", function="f", side="output"),
            ),
        ),
        Capability(skill="translate", version="1.4.0"),
    ),
    shared_tasks=True,
    tell_caller=True,
    any_references=True,
    shared_contexts=True,
    lists_tasks=True,
    card={"name": "summariser", "skills": [{"id": "summarise"}]},
)
INSTANCE = Instance(
    id="summariser-1f2e",
    agent="summariser",
    manifest=MANIFEST.digest(),
    endpoints=(Endpoint("JSONRPC", "http://127.0.0.1:9000/", tenant="blue"), Endpoint("GRPC", "127.0.0.1:9001")),
    tenant="acme",
    labels={"zone": "b"},
    weight=0.5,
    check=HealthCheck("http://127.0.0.1:9000/livez", 2.5),
    lasting=True,
    draining=True,
)


@pytest.mark.parametrize("media", [wire.PROTO, wire.JSON])
def test_a_registration_comes_out_as_it_went_in(media: wire.Media) -> None:
    images = (b"one", b"\x00two")
    body = wire.encode_register(INSTANCE, MANIFEST, media, images)
    assert wire.decode_register(body, media) == wire.Registration(INSTANCE, MANIFEST, images)


@pytest.mark.parametrize("media", [wire.PROTO, wire.JSON])
def test_a_registration_of_few_words_gets_the_defaults(media: wire.Media) -> None:
    manifest = Manifest(agent="a", version="1.0.0", foreign=True)
    instance = Instance("a-1", "a", manifest.digest(), (Endpoint("JSONRPC", "http://h/"),))
    assert wire.decode_register(wire.encode_register(instance, manifest, media), media) == wire.Registration(
        instance, manifest
    )


@pytest.mark.requirement("tasks.from_agents")
def test_an_agent_that_is_foreign_is_not_asked_for_lists_whatever_it_says() -> None:
    manifest = Manifest(agent="a", version="1.0.0", foreign=True, lists_tasks=True)
    plain = Manifest(agent="a", version="1.0.0", foreign=True)
    instance = Instance("a-1", "a", manifest.digest(), (Endpoint("JSONRPC", "http://h/"),))
    decoded = wire.decode_register(wire.encode_register(instance, manifest, wire.JSON), wire.JSON)
    assert decoded.manifest == plain


def test_a_registration_can_be_written_by_hand_as_json() -> None:
    body = {
        "registration": {
            "instanceId": "a-1",
            "agent": "a",
            "endpoints": [{"binding": "JSONRPC", "url": "http://h/"}],
            "manifest": {"agent": "a", "version": "1.0.0", "capabilities": [{"skill": "s", "version": "1.0.0"}]},
        }
    }
    joining = wire.decode_register(json.dumps(body).encode(), wire.JSON)
    instance, manifest = joining.instance, joining.manifest
    assert instance == Instance("a-1", "a", manifest.digest(), (Endpoint("JSONRPC", "http://h/"),))
    assert manifest.skills == (Capability("s", "1.0.0"),)


def _registration() -> registry_pb2.Registration:
    return wire.registration_to_proto(INSTANCE, MANIFEST)


def _without_manifest(message: registry_pb2.Registration) -> None:
    message.ClearField("manifest")


def _other_agent(message: registry_pb2.Registration) -> None:
    message.manifest.agent = "translator"


def _no_endpoint(message: registry_pb2.Registration) -> None:
    del message.endpoints[:]


def _unknown_binding(message: registry_pb2.Registration) -> None:
    message.endpoints[0].binding = "SLIMRPC"


def _weight_is_no_number(message: registry_pb2.Registration) -> None:
    message.weight = float("nan")


def _card_is_a_list(message: registry_pb2.Registration) -> None:
    message.manifest.card_json = "[]"


def _bad_version(message: registry_pb2.Registration) -> None:
    message.manifest.capabilities[0].version = "newest"


def _bad_id(message: registry_pb2.Registration) -> None:
    message.instance_id = "../etc"


def _grpc_check(message: registry_pb2.Registration) -> None:
    message.health_check.kind = registry_pb2.HealthCheck.KIND_GRPC


def _hasty_check(message: registry_pb2.Registration) -> None:
    message.health_check.interval.FromMilliseconds(1)


@pytest.mark.parametrize(
    "spoil",
    [
        _without_manifest,
        _other_agent,
        _no_endpoint,
        _unknown_binding,
        _weight_is_no_number,
        _card_is_a_list,
        _bad_version,
        _bad_id,
        _grpc_check,
        _hasty_check,
    ],
)
def test_a_registration_that_says_what_cannot_be_is_refused(spoil: Any) -> None:
    message = _registration()
    spoil(message)
    with pytest.raises(InvalidParams):
        wire.registration_from_proto(message)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"x"', b"{", b'{"registration": 7}', b'{"surprise": 1}', b'{"registration": {"agent": 7}}']
)
def test_what_is_no_registration_is_refused(body: bytes) -> None:
    with pytest.raises((InvalidParams, ParseError)):
        wire.decode_register(body, wire.JSON)


@given(st.binary(max_size=200))
def test_no_bytes_get_past_the_join_port_as_another_error(body: bytes) -> None:
    for media in (wire.PROTO, wire.JSON):
        for decode in (wire.decode_register, wire.decode_renew, wire.decode_deregister):
            try:
                decode(body, media)
            except MeshError:
                continue
        for answer in (wire.decode_register_response, wire.decode_renew_response):
            try:
                answer(body, media)
            except MeshError:
                continue


@pytest.mark.parametrize("media", [wire.PROTO, wire.JSON])
def test_answers_come_out_as_they_went_in(media: wire.Media) -> None:
    joined = wire.RegisterResponse(Lease("a-1", 2.5), "call-key", "secret", ("http://g1", "http://g2"))
    renewed = wire.RenewResponse(Lease("a-1", 10.0), "new-key", ("http://g3",))
    assert wire.decode_register_response(wire.encode_register_response(joined, media), media) == joined
    assert wire.decode_renew_response(wire.encode_renew_response(renewed, media), media) == renewed
    assert wire.decode_renew(wire.encode_renew("a-1", media), media) == "a-1"
    assert wire.decode_deregister(wire.encode_deregister("a-1", media), media) == "a-1"
    assert wire.encode_deregister_response(wire.JSON) == b"{}"


def test_an_answer_without_a_secret_or_a_lease_is_none() -> None:
    lease = Lease("a-1", 2.5)
    for joined in (
        wire.RegisterResponse(lease, "", "secret"),
        wire.RegisterResponse(lease, "key", ""),
        wire.RegisterResponse(Lease("a-1", 0.0), "k", "s"),
    ):
        with pytest.raises(InvalidParams):
            wire.decode_register_response(wire.encode_register_response(joined))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnknownLease(), 404, "not_found"),
        (InvalidParams("no"), 400, "invalid_argument"),
        (errors.Unauthenticated(), 401, "unauthenticated"),
        (errors.PermissionDenied(), 403, "permission_denied"),
        (RegistryUnavailable(), 503, "unavailable"),
        (errors.RateLimited(), 429, "resource_exhausted"),
    ],
)
def test_an_error_keeps_its_class_over_the_wire(error: MeshError, status: int, code: str) -> None:
    sent, body = wire.encode_error(error)
    assert (sent, json.loads(body)) == (status, {"code": code, "message": error.message})
    back = wire.decode_error(sent, body)
    assert (type(back), back.message) == (type(error), error.message)


@pytest.mark.requirement("schema.gate")
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (
            Incompatible("it breaks", violations=(("p.A.x", "type changed"), ("p.A.y", "gone"))),
            400,
            "failed_precondition",
        ),
        (VersionTaken(), 409, "already_exists"),
        (VersionRetired("gone"), 400, "failed_precondition"),
        (StageRefused("proposed"), 400, "failed_precondition"),
        (BadSchema("p.A", "no such message", "declare it"), 400, "invalid_argument"),
        (BadSchema("", "too large", "build it smaller"), 400, "invalid_argument"),
    ],
)
def test_a_refused_contract_keeps_its_code_and_every_reason(error: MeshError, status: int, code: str) -> None:
    sent, body = wire.encode_error(error)
    assert (sent, json.loads(body)["code"]) == (status, code)
    back = wire.decode_error(sent, body)
    assert (type(back), back.code, back.message, back.violations) == (
        type(error),
        error.code,
        error.message,
        error.violations,
    )


def test_the_details_of_a_refused_contract_are_googles_messages() -> None:
    told = (("p.A.x", "a" * 300), ("p.A.y", "gone"))
    _, body = wire.encode_error(Incompatible("it breaks", violations=told))
    info, bad = json.loads(body)["details"]
    values = [base64.b64decode(one["value"] + "=" * (-len(one["value"]) % 4)) for one in (info, bad)]
    assert (info["type"], bad["type"]) == ("google.rpc.ErrorInfo", "google.rpc.BadRequest")
    assert error_details_pb2.ErrorInfo.FromString(values[0]).reason == "INCOMPATIBLE"
    read = error_details_pb2.BadRequest.FromString(values[1])
    assert tuple((one.field, one.description) for one in read.field_violations) == told


def test_an_answer_lists_a_bounded_number_of_reasons_and_says_how_many_more_there_are() -> None:
    many = tuple((f"p.A.f{number}" * 100, "x" * 5000) for number in range(1000))
    _, body = wire.encode_error(Incompatible("it breaks", violations=many))
    back = wire.decode_error(400, body)
    assert len(body) < 256 * 1024
    assert len(back.violations) == 64
    assert "937" in back.violations[-1][1]


def test_details_that_say_nothing_of_ours_change_nothing() -> None:
    odd: list[Any] = [[{"type": "x"}], [{"debug": {"reason": "OTHER"}}], "x", [1], {}, [{"debug": {"reason": 1}}]]
    for details in odd:
        body = json.dumps({"code": "failed_precondition", "message": "no", "details": details}).encode()
        assert type(wire.decode_error(400, body)) is errors.UnsupportedOperation


def test_an_error_that_a_proxy_wrote_is_understood_too() -> None:
    assert isinstance(wire.decode_error(503, b"<html>"), RegistryUnavailable)
    assert isinstance(wire.decode_error(401, b""), errors.Unauthenticated)
    assert isinstance(wire.decode_error(404, b"<html>"), errors.InternalError)


def test_a_content_type_says_which_form_a_body_has() -> None:
    assert wire.media_type("application/json; charset=utf-8") == wire.JSON
    assert wire.media_type("application/x-protobuf") == wire.PROTO
    with pytest.raises(ContentTypeNotSupported):
        wire.media_type("text/plain")


CREDENTIAL = AgentCredential({"x-key": "k"}, "a=b", OAuth2Client("https://t", "id", "secret", "all"))


@pytest.mark.requirement("foreign.credential")
@pytest.mark.parametrize("media", [wire.PROTO, wire.JSON])
@pytest.mark.parametrize("credential", [None, AgentCredential({"x-key": "k"}), CREDENTIAL])
def test_a_credential_and_the_operators_terms_arrive_as_they_were_given(
    media: Any, credential: AgentCredential | None
) -> None:
    terms = ForeignTerms(named=True, reentrant={"forecast": 2}, url="https://h/rpc", protocol="0.3")
    manifest = msgspec.structs.replace(MANIFEST, foreign=True, terms=terms)
    instance = msgspec.structs.replace(INSTANCE, manifest=manifest.digest())
    read = wire.decode_register(wire.encode_register(instance, manifest, media, credential=credential), media)
    assert (read.manifest.terms, read.credential) == (terms, credential)


@pytest.mark.requirement("foreign.credential")
def test_nobody_gives_a_credential_that_is_sealed_already() -> None:
    stolen = msgspec.structs.replace(MANIFEST, foreign=True, terms=ForeignTerms(credential="sealed"))
    instance = msgspec.structs.replace(INSTANCE, manifest=stolen.digest())
    read = wire.decode_register(wire.encode_register(instance, stolen), wire.PROTO)
    assert read.manifest.terms == ForeignTerms()


@pytest.mark.requirement("foreign.credential")
def test_a_credential_that_cannot_be_sent_is_refused_at_the_join_port() -> None:
    body = wire.encode_register(INSTANCE, MANIFEST, credential=AgentCredential({"host": "s3cr3t"}))
    with pytest.raises(errors.InvalidParams) as refused:
        wire.decode_register(body, wire.PROTO)
    assert "s3cr3t" not in refused.value.message


def test_every_field_of_a_registration_has_a_value_here() -> None:
    # A field that is added to the schema and forgotten here would be dropped without a word.
    full = wire.registration_to_proto(INSTANCE, MANIFEST, [b"image"], name_from_card=True, credential=CREDENTIAL)
    assert {field.name for field, _ in full.ListFields()} == {field.name for field in full.DESCRIPTOR.fields}
    left_to_the_card = {"input_modes", "output_modes"}
    skill = full.manifest.capabilities[0]
    assert {field.name for field in skill.DESCRIPTOR.fields} - {
        field.name for field, _ in skill.ListFields()
    } == left_to_the_card
    assert json_format.MessageToDict(full.health_check)["kind"] == "KIND_HTTP"
