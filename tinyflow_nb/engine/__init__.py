"""The engine: a pure core (reducer) and the shell that loads, runs, applies and dispatches."""
