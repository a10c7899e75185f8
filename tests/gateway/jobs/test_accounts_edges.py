"""The accounts of jobs where their number and their age are both at the bound."""

from __future__ import annotations

import random

from meshgate.gateway.jobs.accounts import MemoryAccounts
from tests.gateway.calls import Clock, limits


async def test_a_young_job_stays_beside_an_old_one_that_is_open_even_at_the_number_that_is_kept() -> None:
    clock = Clock()
    accounts = MemoryAccounts("gw", limits=limits(records=3, record_seconds=100.0), clock=clock, rng=random.Random(7))
    old = await accounts.open(calls=9, seconds=900.0, concurrency=9)
    await accounts.spend(old, lambda: "")
    clock.now += 60.0
    younger = await accounts.open(calls=9, seconds=900.0, concurrency=9)
    clock.now += 60.0
    await accounts.open(calls=9, seconds=900.0, concurrency=9)
    assert [accounts.account(job) is not None for job in (old, younger)] == [True, True]


async def test_a_job_is_kept_at_its_very_age_even_if_an_older_one_is_open() -> None:
    clock = Clock()
    accounts = MemoryAccounts("gw", limits=limits(record_seconds=100.0), clock=clock, rng=random.Random(7))
    old = await accounts.open(calls=9, seconds=900.0, concurrency=9)
    await accounts.spend(old, lambda: "")
    clock.now += 60.0
    younger = await accounts.open(calls=9, seconds=900.0, concurrency=9)
    clock.now += 100.0
    await accounts.open(calls=9, seconds=900.0, concurrency=9)
    assert accounts.account(younger) is not None


async def test_the_ids_of_jobs_come_from_the_generator_that_was_given() -> None:
    accounts = [MemoryAccounts("gw", rng=random.Random(7)) for _ in range(2)]
    first, second = [await each.open(calls=1, seconds=1.0, concurrency=1) for each in accounts]
    assert first == second == f"gw.{random.Random(7).getrandbits(64):016x}"
