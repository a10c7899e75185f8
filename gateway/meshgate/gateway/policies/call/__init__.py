"""Policies that know what is called."""
