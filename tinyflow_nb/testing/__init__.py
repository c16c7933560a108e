"""For tests of stores and executors, ours and other people's."""

from tinyflow_nb.testing.faults import FaultInjector, kill_at

__all__ = ["FaultInjector", "kill_at"]
