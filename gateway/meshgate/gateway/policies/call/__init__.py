"""Policies of a resolved call: the agent, the version and the skill are known."""
