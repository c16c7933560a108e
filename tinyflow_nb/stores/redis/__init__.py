"""The Redis store: one Redis, behind Sentinels or not, or a Redis Cluster."""

from tinyflow_nb.errors import MissingExtra

try:
    import hiredis as _hiredis  # noqa: F401  # each module here needs both
    import redis as _redis  # noqa: F401
except ImportError as e:
    raise MissingExtra("the Redis store", "fleet") from e

from tinyflow_nb.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
