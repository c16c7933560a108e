"""What Redis answers when it can't do what it is asked, said plainly."""

from __future__ import annotations

from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import RedisClusterException
from redis.exceptions import TimeoutError as RedisTimeoutError

from tinyflow_nb.errors import StoreDamaged, StoreError

_LATER = ("LOADING", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "BUSY ")
TRANSIENT: dict[str, tuple[str, ...]] = {
    "single": _LATER, "cluster": (*_LATER, "MOVED", "ASK", "READONLY"), "sentinel": (*_LATER, "READONLY"),
}  # fmt: skip
"""By kind of address, answers of a server that changed nothing: it, or one that has taken over from it,
will do it a little later."""
UNKNOWN = ("NOSCRIPT", "ERR Function not found", "ERR unknown command")
"""Answers of a server that does not know a script: it is new, or forgot, or is older than functions."""
DAMAGE = ("WRONGTYPE", "ERR ")
"""Answers to what a script finds at the keys of one run."""
CROWDED = ("ERR max number of clients",)

_PLAIN = {
    "NOAUTH": "wants a password: redis://user:password@host",
    "WRONGPASS": "refuses the user or the password of the address",
    "NOPERM": "does not allow this user what is needed: all commands on the keys and channels tf:*",
    "LOADING": "is still loading its data; try again in a moment",
    "READONLY": "is a read-only replica: name the master, or use redis+sentinel://",
    "OOM": "is out of memory: raise its maxmemory, or keep finished runs for a shorter time",
    "MISCONF": "can't write to its disk and so takes no changes: its log says why",
    "CLUSTERDOWN": "is a cluster with nodes missing: redis-cli --cluster check says which",
    "MASTERDOWN": "has lost its master",
    "TRYAGAIN": "is moving these keys to another node; try again in a moment",
    "BUSY": "is busy with somebody's long script",
    "NOREPLICAS": "lacks the replicas it is told to wait for (min-replicas-to-write)",
}


def has_code(error: Exception, codes: tuple[str, ...]) -> bool:
    """An error within a script carries its code inside the text on older servers."""
    text = _text(error)
    return text.startswith(codes) or any(f"-{code}" in text for code in codes)


def _text(error: Exception) -> str:
    """As Redis gave it: redis-py keeps the code of some errors apart."""
    code = getattr(error, "status_code", None)
    return f"{code} {error}" if code else str(error)


def plainly(where: str, error: Exception) -> StoreError:
    """Nothing was changed, or it is known from the next answer."""
    for code, meaning in _PLAIN.items():
        if has_code(error, (code,)):
            return StoreError(f"{where} {meaning}")
    if isinstance(error, MasterNotFoundError):
        return StoreError(f"{where}: no Sentinel that answers knows the master ({error})")
    if isinstance(error, RedisClusterException):
        return StoreError(f"{where} {_PLAIN['CLUSTERDOWN']} ({error})")
    if isinstance(error.__context__, ConnectionRefusedError):
        return StoreError(f"{where}: nothing answers there; start Redis, or mend the address")
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return StoreError(f"{where} does not answer")
    if has_code(error, DAMAGE) and not has_code(error, CROWDED):
        return StoreDamaged(f"{where}: {error}")
    return StoreError(f"{where}: {error}")
