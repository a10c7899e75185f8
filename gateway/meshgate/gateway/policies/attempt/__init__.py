"""Policies that know where a call is sent."""
