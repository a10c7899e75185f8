"""The account of a job: its budget, and what it has spent."""

from __future__ import annotations

import msgspec

__all__ = ["Account", "Grant"]


class Grant(msgspec.Struct, frozen=True):
    """A lease of calls of a job, from its home gateway to another gateway."""

    calls: int
    """Calls that may be made; 0 when the budget is used up."""
    seconds: float
    """Seconds that the job still has."""
    used: int
    limit: int
    concurrency: int
    job_seconds: float = 0.0


class Account(msgspec.Struct, gc=False):
    """The budget of one job at one gateway. Times are monotonic seconds."""

    job: str
    began: float
    deadline: float
    call_limit: int
    concurrency: int
    used: int = 0
    """Calls spent, at any gateway. The home counts what it leased as spent; elsewhere it is what the home said last,
    and what was spent here since."""
    open: int = 0
    leased: int = 0
    """At the home: calls handed to other gateways. Elsewhere: calls left of those handed to this one."""
    home: bool = True

    def price(self, now: float) -> str:
        """The price: what the job has spent so far, as errors name it."""
        return f"{self.used}/{self.call_limit} calls, {now - self.began:.1f}/{self.deadline - self.began:.0f} s"

    def learn(self, grant: Grant, now: float) -> None:
        """Apply what the job's home says of it, and add the calls that the home leases."""
        self.leased += grant.calls
        self.used = max(self.used, grant.used - self.leased)
        self.call_limit, self.concurrency = grant.limit, grant.concurrency
        self.deadline = now + grant.seconds
        self.began = self.deadline - grant.job_seconds

    def time_left(self, now: float) -> float:
        """Seconds that the job still has; 0 if its calls are used up, as far as is known here."""
        known = self.call_limit > 0
        return 0.0 if known and self.used >= self.call_limit else self.deadline - now

    def exhausted(self, now: float) -> str:
        """The reason why no further call may be spent, or ""."""
        if now >= self.deadline:
            return "its time is used up"
        spent = self.used >= self.call_limit if self.home else self.leased <= 0
        return "its calls are used up" if spent else ""
