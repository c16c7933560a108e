"""Trust: who signs what is submitted here, and whose definitions are executed here (SEMANTICS 44)."""

from __future__ import annotations

from tinyflow_nb.trust.keys import is_signer
from tinyflow_nb.trust.signing import UserTrust

__all__ = ["UserTrust", "is_signer"]
