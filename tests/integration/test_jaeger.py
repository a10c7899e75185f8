import pytest

from meshgate.telemetry import semconv
from meshgate.telemetry.ids import new_context
from tests.support import servers
from tests.support.jaeger import fetch, wait_for_tree
from tests.support.spans import IDS, JOB, send_job

pytestmark = pytest.mark.slow_servers


@pytest.mark.requirement("trace.jaeger")
def test_a_job_read_back_from_jaeger_is_one_tree_with_its_attributes(jaeger: servers.Jaeger) -> None:
    root = new_context(sampled=True, ids=IDS)
    send_job(jaeger.otlp_endpoint, root)

    tree = wait_for_tree(jaeger.query, root.trace_id, 5)

    assert tree.shape() == JOB
    assert tree.span.span_id == root.span_id
    spans = list(tree.walk())
    assert [span.kind for span in spans] == ["client", "server", "server", "server", "server"]
    assert [span.attributes[semconv.JOB] for span in spans] == ["gw1.job"] * 5
    assert [span.resource["service.instance.id"] for span in spans] == [f"{span.service}-1" for span in spans]
    assert [span.failed for span in spans] == [False, False, False, False, True]
    assert spans[-1].attributes[semconv.ERROR_TYPE] == "TASK_NOT_FOUND"
    assert spans[-1].message == "there is no such task"


def test_jaeger_has_no_spans_of_a_job_that_was_not_recorded(jaeger: servers.Jaeger) -> None:
    known, unknown = new_context(sampled=True, ids=IDS), new_context(sampled=True, ids=IDS)
    send_job(jaeger.otlp_endpoint, known)
    wait_for_tree(jaeger.query, known.trace_id, 5)

    assert fetch(jaeger.query, unknown.trace_id) == []
