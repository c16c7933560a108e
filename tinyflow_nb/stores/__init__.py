"""Stores: where runs and definitions are kept."""
