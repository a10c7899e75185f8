"""The routes of the admin API that show jobs and calls."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Response

from meshgate.gateway.cluster import questions
from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.mesh import Mesh
from meshgate.gateway.observe.job_tree import JobTree, merge_jobs, tree

__all__ = ["add_job_routes"]


def add_job_routes(app: FastAPI, mesh: Mesh, guarded: list[Any]) -> None:
    """Add the routes that show jobs, their trees, and calls."""

    @app.get("/api/v1/jobs", tags=["jobs"], dependencies=guarded)
    async def jobs(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """The youngest jobs."""
        answers = await mesh.ask(questions.JOBS, limit)
        return jsonable.response(merge_jobs([view for views in answers.values() for view in views], limit))

    @app.get("/api/v1/jobs/{job}", tags=["jobs"], dependencies=guarded)
    async def job(job: str) -> Response:
        """One job: its calls as a tree, with where each went, why, what it cost and what was refused."""
        found = await _tree(mesh, job)
        if found is None:
            raise HTTPException(404, f"no gateway knows job {job[:100]!r}: records are kept for an hour")
        return jsonable.response(found)

    @app.get("/api/v1/calls/{call}", tags=["jobs"], dependencies=guarded)
    async def call(call: str) -> Response:
        """One call's record."""
        answers = await mesh.ask(questions.CALL, call)
        found = next((record for record in answers.values() if record is not None), None)
        if found is None:
            raise HTTPException(404, f"no gateway knows call {call[:100]!r}")
        return jsonable.response(found)


async def _tree(mesh: Mesh, job: str) -> JobTree | None:
    answers = await mesh.ask(questions.JOB, job)
    return tree([view for view in answers.values() if view is not None])
