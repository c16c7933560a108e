"""Isolation: the cell's functions run in child processes, which time and memory limits can end."""
