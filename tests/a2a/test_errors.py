import importlib.util
import inspect
import math

import pytest

from meshgate.a2a import errors
from meshgate.a2a.error_lookup import error_class, error_for_caller
from meshgate.a2a.errors import (
    A2A_DOMAIN,
    MESHGATE_DOMAIN,
    AccessError,
    EdgeError,
    InvalidAgentResponse,
    MeshError,
    ProtocolError,
    UpstreamUnavailable,
)

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, MeshError)]
LEAVES = [cls for cls in CLASSES if not {child.__module__ for child in cls.__subclasses__()} & {errors.__name__}]
"""Other modules derive errors of their own, and which of them are imported is no matter here."""


def test_every_class_of_the_tree_is_drawn_in_the_modules_docstring() -> None:
    drawn = inspect.getdoc(errors) or ""
    assert [cls.__name__ for cls in CLASSES if cls.__name__ not in drawn] == []


def test_every_class_is_exported() -> None:
    assert {cls.__name__ for cls in CLASSES} <= set(vars(errors)["__all__"])


def test_codes_are_unique_and_lead_back_to_their_class() -> None:
    assert [error_class(cls.code) for cls in LEAVES] == LEAVES


@pytest.mark.parametrize("code", ["", "INTERNAL", "NO_SUCH", "task_not_found"])
def test_any_other_code_is_no_class(code: str) -> None:
    assert error_class(code) is None


@pytest.mark.parametrize("cls", LEAVES)
def test_a_code_counts_in_its_own_domain_alone(cls: type[MeshError]) -> None:
    own, foreign = cls.domain, A2A_DOMAIN if cls.domain == MESHGATE_DOMAIN else MESHGATE_DOMAIN
    assert own == (A2A_DOMAIN if issubclass(cls, ProtocolError) else MESHGATE_DOMAIN)
    assert error_class(cls.code, own) is cls
    assert error_class(cls.code, foreign) is None
    assert error_class(cls.code, "example.com") is None


@pytest.mark.parametrize("cls", LEAVES)
@pytest.mark.requirement("a2a.agents_word")
def test_an_agents_word_about_keys_and_bytes_is_never_the_callers_affair(cls: type[MeshError]) -> None:
    error = cls("secret of the gateway")
    told = error_for_caller(error, "agent")
    assert not isinstance(told, AccessError | EdgeError)
    if issubclass(cls, AccessError):
        assert type(told) is UpstreamUnavailable
    elif issubclass(cls, EdgeError):
        assert type(told) is InvalidAgentResponse
    if issubclass(cls, AccessError | EdgeError):
        assert "secret" not in told.message
        assert told.metadata == {"agentReason": cls.code}


_AS_IT_IS = {cls for cls in LEAVES if issubclass(cls, ProtocolError)} - {errors.InternalError}


@pytest.mark.parametrize("cls", [cls for cls in LEAVES if not issubclass(cls, AccessError | EdgeError)])
@pytest.mark.requirement("errors.agents")
def test_of_the_meshs_reasons_an_agent_may_say_two_and_the_others_are_its_own(cls: type[MeshError]) -> None:
    error = cls("m", metadata={"a": "1"})
    told = error_for_caller(error, "agent")
    if cls in _AS_IT_IS or cls is errors.AgentError:
        assert told is error
    elif cls in (errors.RateLimited, errors.SchemaViolation):
        assert (told, told.metadata) == (error, {"a": "1", "source": "agent"})
    else:
        assert isinstance(told, errors.AgentError)
        assert (told.message, told.metadata) == ("m", {"a": "1", "source": "agent", "agentReason": cls.code})
        assert told.internal is (cls is errors.InternalError)
    assert error_for_caller(cls(), "agent", named=False).code in {cls.code, "AGENT_ERROR"}


@pytest.mark.parametrize("cls", LEAVES)
def test_a_gateways_word_is_taken_as_it_is(cls: type[MeshError]) -> None:
    error = cls()
    assert error_for_caller(error, "mesh") is error


@pytest.mark.parametrize(
    ("given", "kept"), [(None, None), (0.0, 0.0), (1.5, 1.5), (-1.0, 0.0), (math.inf, None), (math.nan, None)]
)
def test_a_pause_is_a_finite_time_that_is_not_negative(given: float | None, kept: float | None) -> None:
    assert MeshError(retry_after=given).retry_after == kept


@pytest.mark.parametrize("cls", LEAVES)
def test_an_error_without_a_message_says_its_summary(cls: type[MeshError]) -> None:
    assert cls().message == cls.summary == str(cls())
    assert cls("what").message == "what"


def test_errors_that_other_modules_derive_take_no_code_of_the_tree() -> None:
    class Busy(errors.RateLimited):
        """An error of another module."""

    # The table is made when the module is imported, after others may have derived errors of their own.
    spec = importlib.util.find_spec("meshgate.a2a.error_lookup")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.error_class(Busy.code) is errors.RateLimited
