"""Node types: one file each, with its NodeExecutor."""
