"""SEMANTICS 44: nothing of a stored definition can be changed, nor its signature be used for another."""

from __future__ import annotations

import json
import socket
import sqlite3
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition
from tinyflow_nb.engine.vetting import Vetting
from tinyflow_nb.errors import NotTrusted, TinyflowError
from tinyflow_nb.model.registry import PublishedVersion
from tinyflow_nb.model.signature import Signature, digest_of
from tinyflow_nb.stores.memory import MemoryStore

CHAIN = '''
"""Says one thing and another."""
from tinyflow_nb import Chain, Input, confirm, llm, node

LIMIT = 3
CHAIN = Chain(deadline="1h", max_concurrency=4)
question: str
tone: str = Input("polite", description="how it sounds")

@llm("smollm2", retry=2)
def draft(question, tone) -> str:
    """Answer {{ question }}, {{ tone }}, in {{ LIMIT }} lines."""

@confirm(initial="draft")
def ok(draft) -> bool:
    """Send it?"""

@node(when="ok", timeout=5, tags=["gpu"])
def send(ok: bool, draft: str) -> str:
    return draft
'''


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the plain values of a document are."""
    if isinstance(value, dict) and value:
        return [path for key, part in value.items() for path in paths(part, (*at, key))]
    if isinstance(value, list) and value:
        return [path for key, part in enumerate(value) for path in paths(part, (*at, key))]
    return [at]


def altered(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return ["x"] if value is None or value == [] else {"x": 1}


async def signed_by(trust: Any, definition: ChainDefinition) -> MemoryStore:
    store = MemoryStore()
    await store.put(definition, trust.sign(definition))
    return store


def vetting(store: Any, trust: Any) -> Vetting:
    async def nothing_published(name: str) -> list[PublishedVersion]:
        return []

    return Vetting(store, trust, store.now, nothing_published)


async def refused(store: Any, trust: Any, definition: ChainDefinition) -> str:
    with pytest.raises(NotTrusted) as caught:
        await vetting(store, trust).passed(definition.hash, definition.name, "the run")
    return str(caught.value)


async def test_44_every_field_is_signed(user, define) -> None:
    alice, definition = user("alice"), define(CHAIN)
    body = json.loads(definition.to_json())
    fields = paths(body)
    assert len(fields) > 100
    for path in fields:
        changed = json.loads(definition.to_json())
        at = changed
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = altered(at[path[-1]])
        store = await signed_by(alice, definition)
        for key, (_, record) in store._signed[definition.hash].items():
            store._signed[definition.hash][key] = (json.dumps(changed), record)
        told = await refused(store, alice, definition)
        assert "it was altered after alice@there (SHA256:" in told, path


async def test_44_every_byte_is_signed(user, define) -> None:
    """What JSON itself does not care for, too."""
    alice, definition = user("alice"), define("def one() -> int:\n    return 1  # a comment\n")
    text = definition.to_json()
    for at in range(0, len(text), 7):
        store = await signed_by(alice, definition)
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        for key, (_, record) in store._signed[definition.hash].items():
            store._signed[definition.hash][key] = (changed, record)
        assert "altered" in await refused(store, alice, definition), at


@pytest.mark.parametrize("field", Signature._fields)
async def test_44_every_part_of_a_signature_counts(user, define, field) -> None:
    alice, definition = user("alice"), define(CHAIN)
    store = await signed_by(alice, definition)
    for key, (text, record) in store._signed[definition.hash].items():
        signature = Signature.from_json(record)
        changed = signature._replace(**{field: altered(getattr(signature, field))})
        store._signed[definition.hash][key] = (text, changed.to_json())
    told = await refused(store, alice, definition)
    assert ("it is not signed" if field == "name" else "altered") in told


@pytest.mark.parametrize(
    "record", ["", "{}", "[]", "null", "[1,2,3,4,5,6]", '["","",NaN,"","",""]', "x" * 999]
)
async def test_44_garbage_is_no_signature(user, define, record) -> None:
    alice, definition = user("alice"), define(CHAIN)
    store = await signed_by(alice, definition)
    for key, (text, _) in store._signed[definition.hash].items():
        store._signed[definition.hash][key] = (text, record)
    assert "it is not signed" in await refused(store, alice, definition)


async def test_44_a_signature_is_for_one_content_one_name_and_one_purpose(user, define) -> None:
    alice = user("alice")
    good, evil = define("def one() -> int:\n    return 1\n"), define("def one() -> int:\n    return 2\n")
    signature = alice.sign(good)
    replayed = signature._replace(digest=digest_of(evil.to_json()))
    store = MemoryStore()
    for other in (signature, replayed):
        await store.put(evil, other)
        assert "altered" in await refused(store, alice, evil)
    renamed = good.model_copy(update={"name": "another"})
    for other in (signature, signature._replace(name="another", digest=digest_of(renamed.to_json()))):
        store = MemoryStore()
        await store.put(renamed, other)
        await refused(store, alice, renamed)
    bare = signature._replace(value="")
    assert bare.message(good).startswith(b"tinyflow-nb signed definition 1\n")


async def test_44_a_good_definition_kept_under_another_hash_is_refused(user, define) -> None:
    alice = user("alice")
    good, other = define("def one() -> int:\n    return 1\n"), define("def one() -> int:\n    return 2\n")
    store = await signed_by(alice, good)
    store._signed[other.hash] = store._signed[good.hash]
    store._definitions[other.hash] = good.to_json()
    assert "altered" in await refused(store, alice, other)


async def test_44_a_trusted_signer_can_not_pass_a_wrong_hash_off(user, define) -> None:
    """SEMANTICS 39: the content hash is computed again from the source."""
    alice = user("alice")
    good = define("def one() -> int:\n    return 1\n")
    lying = good.model_copy(update={"source": "def one() -> int:\n    return 2\n"})
    assert "altered" in await refused(await signed_by(alice, lying), alice, good)


async def test_44_what_nests_too_deeply_to_be_read_is_refused(user, define) -> None:
    alice = user("alice")
    definition = define("def one() -> int:\n    return 1\n")
    deep = definition.model_copy(update={"source": "x = " + "-" * 50_000 + "1\n"})
    assert "altered" in await refused(await signed_by(alice, deep), alice, definition)


async def test_44_a_key_of_another_kind_or_form_is_no_signer(user, define) -> None:
    alice, definition = user("alice"), define(CHAIN)
    signature = alice.sign(definition)
    for key in ("", "AAAA", signature.key + "\n", signature.key.rstrip("=") + "==", "A" * 68):
        store = MemoryStore()
        await store.put(definition, signature._replace(key=key))
        assert "altered" in await refused(store, alice, definition)


async def test_44_altered_in_the_store_it_is_refused_and_mended_by_submitting_it_again(
    house, user, define
) -> None:
    alice = user("alice")
    definition = define("def one() -> int:\n    return 1\n")
    await (await house.open(alice)).publish(definition)
    changed = definition.to_json().replace("return 1", "return 6")
    if house.kind == "memory":
        store = house.store()
        store._definitions[definition.hash] = changed
        signed = store._signed[definition.hash]
        signed.update({key: (changed, record) for key, (_, record) in signed.items()})
    elif house.kind == "sqlite":
        with sqlite3.connect(house.path) as db:
            db.execute("UPDATE definitions SET body=?", (changed,))
        db.close()
    else:
        _set(house.redis, definition.hash, changed)
    executor = await house.open(alice)
    with pytest.raises(NotTrusted, match="it was altered after alice@there"):
        await executor.execute("demo")
    again = await house.open(alice)
    assert await again.execute(definition) == 1
    assert await (await house.open(alice)).execute("demo") == 1


async def test_44_what_is_left_of_a_definition_is_no_way_to_crash(house, user, define) -> None:
    alice = user("alice")
    definition = define("def one() -> int:\n    return 1\n")
    await (await house.open(alice)).publish(definition)
    if house.kind == "memory":
        house.store()._definitions[definition.hash] = "{}"
        house.store()._signed.clear()
    elif house.kind == "sqlite":
        with sqlite3.connect(house.path) as db:
            db.execute("UPDATE definitions SET body='{}'")
        db.close()
    else:
        _set(house.redis, definition.hash, "{}")
    executor = await house.open(alice)
    for look in (executor.definition, executor.review, executor.execute):
        with pytest.raises(TinyflowError, match="altered in the store"):
            await look("demo")


def _set(redis: Any, hash: str, text: str) -> None:
    key = f"tf:{{reg}}:d:{hash}"
    with socket.create_connection(("127.0.0.1", redis.port), timeout=60) as connection:
        words = [word.encode() for word in ("SET", key, text)]
        connection.sendall(b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words))
        assert connection.recv(64) == b"+OK\r\n"
