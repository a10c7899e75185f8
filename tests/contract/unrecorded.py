"""Cases of the contract that read records, each with what it reads. The layout ``unrecorded`` has none.

They run there all the same: what they expect before they read a record must hold, and what they read must be empty. A
line that is not needed is an error, and so is a case that fails in any other way.
"""

from __future__ import annotations

__all__ = ["UNRECORDED", "NotOnRecord"]


class NotOnRecord(Exception):
    """The admin API was asked for a record where none is kept, and said that there is none."""


UNRECORDED: dict[str, str] = {
    "test_the_record_of_a_call_says_how_it_came_and_where_it_went": "it is about the record of a call",
    "test_a_call_goes_elsewhere_when_an_instance_cannot_be_reached": "only the record shows a try that did not answer",
    "test_a_job_over_its_calls_is_refused_with_path_and_price": "the tree of the job, after the refusals",
    "test_a_job_with_too_many_calls_open_at_once_is_refused": "the tree of the job, after the refusals",
    "test_an_error_names_its_call_and_its_job": "the record of the call that it names",
    "test_a_loop_is_refused_with_path_and_price": "the tree of the job, after the refusal",
    "test_agents_that_call_each_other_after_their_answers_are_refused_as_a_loop": "the tree of the job, at the end",
    "test_an_agent_calls_on_while_its_task_is_polled_subscribed_to_and_seen_by_a_second_viewer": "the tree of the job",
    "test_a_chain_deeper_than_the_limit_is_refused": "the tree of the job, after the refusal",
    "test_one_job_is_one_trace": "the trace of each call in the tree, after the trace that the agent was sent",
    "test_the_command_line_shows_the_refusal_in_the_tree": "it is about what is shown of records",
}
"""By the name of the case's function."""
