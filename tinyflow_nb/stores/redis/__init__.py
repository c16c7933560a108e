"""The Redis store: one Redis, behind Sentinels or not, or a Redis Cluster."""

from tinyflow_nb.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
