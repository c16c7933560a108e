"""What the kernel knows of the notebook it runs."""

from __future__ import annotations

import os
from typing import Any


def variables() -> dict[str, Any]:
    """The notebook's variables; none outside IPython."""
    from IPython import get_ipython

    find: Any = get_ipython  # untyped in IPython
    shell = find()
    return shell.user_ns if shell is not None else {}


def path() -> str:
    """Of the notebook's file, "" where nobody says."""
    return str(variables().get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", ""))
