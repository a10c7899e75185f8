"""Policies that know who calls."""
