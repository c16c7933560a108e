"""Schedulers: how a trigger finds an executor."""
