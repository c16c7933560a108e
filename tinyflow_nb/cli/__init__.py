"""The command line: run, check, watch and answer chains without Jupyter."""

from tinyflow_nb.cli.app import app

__all__ = ["app"]
