"""The audit itself, without a mesh: plain functions over files. The agents beside this package call them."""

from examples.audit.checks.commands import check_commands
from examples.audit.checks.forms import Batch, Finding, Inventory, Licence, Place, Report, Verdict
from examples.audit.checks.licences import classify_text, licence_of
from examples.audit.checks.places import NoEnvironment, find_place, take_inventory
from examples.audit.checks.records import verify
from examples.audit.checks.recount import recount
from examples.audit.checks.report import markdown, merge
from examples.audit.checks.startup import check_startup

__all__ = [
    "Batch",
    "Finding",
    "Inventory",
    "Licence",
    "NoEnvironment",
    "Place",
    "Report",
    "Verdict",
    "check_commands",
    "check_startup",
    "classify_text",
    "find_place",
    "licence_of",
    "markdown",
    "merge",
    "recount",
    "take_inventory",
    "verify",
]
