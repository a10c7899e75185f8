"""Cases of the contract that do not apply to callers of A2A 0.3, each with the reason. A line goes when it does."""

from __future__ import annotations

__all__ = ["IN_0_3", "IN_PROTO_0_3"]

_NO_LIST = "0.3 has no list of tasks"
_NO_TENANT = "0.3 has no tenants"
_LITERAL = "the stock conversion writes no such request; literal ones are in tests/a2a/bindings/test_jsonrpc_0_3.py"
_NO_REFERENCES = "the package a2a.v1 has no place for references to tasks"
IN_0_3: dict[str, str] = {
    "test_a_tenant_label_routes_as_a_selector_does": _NO_TENANT,
    "test_a_tenant_label_that_contradicts_the_address_is_refused": _NO_TENANT,
    "test_another_version_is_refused": "no version means 0.3; another one is refused in the tests of the binding",
    "test_a_caller_finds_its_tasks_at_every_gateway": _NO_LIST,
    "test_a_list_is_read_page_by_page_by_its_caller_alone": _NO_LIST,
    "test_what_a_list_cannot_be_asked_for_is_named": _NO_LIST,
    "test_a_task_of_every_kind_of_agent_is_listed_under_the_id_it_was_given": _NO_LIST,
    "test_what_is_wrong_with_a_request_is_named_by_its_path": _LITERAL,
}
"""By the case, or by the beginning of its name with parameters."""
IN_PROTO_0_3: dict[str, str] = {
    "test_a_message_refers_to_tasks_of_its_caller_alone": _NO_REFERENCES,
    "test_an_agent_that_takes_any_reference_is_sent_what_its_callers_refer_to": _NO_REFERENCES,
    "test_referenced_tasks_are_named_as_their_agent_knows_them": _NO_REFERENCES,
    "test_an_error_names_its_call_and_its_job": _NO_REFERENCES,
    "test_the_longest_id_of_a_task_can_be_asked_for": _NO_REFERENCES,
    "test_a_caller_whose_ids_are_too_long_or_too_many_is_told_the_field[one-{binding}-referenceTaskIds": _NO_REFERENCES,
}
