"""Vetting: signs what is submitted here, and lets through what is signed by somebody trusted (SEMANTICS 44).

Each definition is judged once, until it changes who is trusted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from pydantic import ValidationError

from tinyflow_nb.errors import DefinitionError, NotTrusted, Problem, UnknownChain
from tinyflow_nb.language import hash_of, load
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.registry import PublishedVersion
from tinyflow_nb.model.signature import Doubt, Signature, SignedDefinition, digest_of
from tinyflow_nb.ports import DefinitionStore, Trust
from tinyflow_nb.trust.review import Review, changes, shortened

PUT_SECONDS = 3600.0
"""A definition that is used is put again once so much time has passed."""
KEPT = 256
SEEN = 10_000
ASK_AGAIN_SECONDS = 30.0
"""What was refused may have been signed by somebody else since."""
VERSIONS_LOOKED_AT = 50
"""When the newest trusted version of a name is looked for."""
UNSIGNED = Doubt("it is not signed")
ALTERED = "it was altered in the store, and nothing is left to look at: submit it again"


class Judged(NamedTuple):
    signature: Signature
    definition: ChainDefinition | None
    """What was signed; None if it was altered since."""
    doubt: Doubt | None
    """Why it is not trusted; None if it is."""


class Vetting:
    def __init__(
        self, store: DefinitionStore, trust: Trust, now: Callable[[], float],
        versions: Callable[[str], Awaitable[list[PublishedVersion]]],
    ) -> None:  # fmt: skip
        """
        Args:
            versions: the published ones of a name, newest first.
        """
        self._store = store
        self._versions = versions
        self._trust = trust
        self._now = now
        self._epoch = -1
        self._rounds = 0
        self._ask_again_at = math.inf
        self._put: dict[tuple[str, str], float] = {}
        """When definitions were put, by hash and name: a store may forget one that is not used for long."""
        self._passed: dict[tuple[str, str], ChainDefinition] = {}
        """By hash and name."""
        self._seen: dict[str, None] = {}
        """Digests of what was only looked at: to submit that again is not to vouch for it."""

    def epoch(self) -> int:
        """Changes when what passed before may not pass now."""
        epoch = self._trust.epoch()
        if epoch != self._epoch:
            self._epoch = epoch
            self._put.clear()
            self._passed.clear()
        return epoch

    def round(self) -> tuple[int, int]:
        """Changes when what was refused before may be let through now."""
        if time.monotonic() >= self._ask_again_at:
            self._ask_again_at = math.inf
            self._rounds += 1
        return self.epoch(), self._rounds

    def looked_at(self, definition: ChainDefinition) -> None:
        """It came from the store, and nobody has judged it."""
        _keep(self._seen, digest_of(definition.to_json()), None, SEEN)

    async def may_load(self, definition: ChainDefinition, ref: str) -> None:
        """
        Raises:
            NotTrusted: it was taken from the store, and is not trusted here.
        """
        if digest_of(definition.to_json()) in self._seen:
            await self.passed(definition.hash, definition.name, ref)

    async def submit(self, definition: ChainDefinition) -> ChainDefinition:
        """Sign it and put it into the store, unless that was done lately; what is to be executed.

        Raises:
            NotTrusted: it was taken from the store, and is not trusted here.
        """
        self.epoch()
        key = (definition.hash, definition.name)
        now = self._now()
        found = self._passed.get(key)
        if found is not None and now - self._put.get(key, -math.inf) <= PUT_SECONDS:
            return found
        if digest_of(definition.to_json()) in self._seen:
            definition = await self.passed(definition.hash, definition.name, definition.short_ref)
        else:
            await self._store.put(definition, self._trust.sign(definition))
            _keep(self._passed, key, definition)
        _keep(self._put, key, now)
        return definition

    async def passed(self, hash: str, name: str, ref: str) -> ChainDefinition:
        """The definition, to be executed.

        Args:
            ref: how the reader can name it to look at it: `name@3`, or a run's id.

        Raises:
            NotTrusted: nobody who is trusted here signed it under that name.
            UnknownChain: the store does not have it.
        """
        self.epoch()
        found = self._passed.get((hash, name))
        if found is not None:
            return found
        best = await self._judge(hash, name)
        if best is not None and best.definition is not None and best.doubt is None:
            _keep(self._passed, (hash, name), best.definition)
            return best.definition
        self.round()
        self._ask_again_at = min(self._ask_again_at, time.monotonic() + ASK_AGAIN_SECONDS)
        raise await self._refusal((best.doubt if best else None) or UNSIGNED, hash, name, ref)

    async def review(self, hash: str, name: str, ref: str) -> Review:
        """What a person should see before trusting it.

        Raises:
            UnknownChain: the store does not have it.
            DefinitionError: what the store has is no definition.
        """
        best = await self._judge(hash, name)
        definition = best.definition if best else None
        if definition is None:
            definition = await self._store.get(hash)
            if definition is None:
                raise UnknownChain(f"the definition #{hash[:8]} is not in this store any more")
            if definition.hash != hash:
                told = f"under #{hash[:8]} the store has another definition, #{definition.hash[:8]}"
                raise DefinitionError([Problem(1, 1, told, ALTERED)], name)
            definition = definition.model_copy(update={"name": name})
        doubt = best.doubt if best else UNSIGNED
        before, ref_before = await self._newest_trusted(hash, name)
        return Review(
            ref, definition, best.signature if best and best.definition else None,
            doubt.reason if doubt else "", ref_before, changes(definition, before, ref_before),
        )  # fmt: skip

    async def vouch(self, review: Review) -> None:
        """Sign with the own key what was reviewed; others that trust it execute it from then on.

        Raises:
            NotTrusted: that key is revoked.
            DefinitionError: its graph is not what its source says, which is what was read.
        """
        definition = review.definition
        load(definition.to_json())
        await self._store.put(definition, self._trust.sign(definition))
        self._seen.pop(digest_of(definition.to_json()), None)

    async def _judge(self, hash: str, name: str) -> Judged | None:
        """The verdict on the signature that speaks most for it; None if there is none."""
        signed = [one for one in await self._store.signed(hash) if one.signature.name == name]
        judged = [self._judge_one(hash, one) for one in signed]
        return min(judged, key=_weight, default=None)

    def _judge_one(self, hash: str, signed: SignedDefinition) -> Judged:
        text, signature = signed
        altered = Judged(signature, None, Doubt(f"it was altered after {signature.signer} signed it"))
        if digest_of(text) != signature.digest:
            return altered
        try:
            definition = ChainDefinition.model_validate_json(text)
            if definition.hash != hash or hash_of(definition.source) != hash:
                return altered
        except (ValidationError, DefinitionError):
            return altered
        return Judged(signature, definition, self._trust.distrust(signature, definition))

    async def _newest_trusted(self, hash: str, name: str) -> tuple[ChainDefinition | None, str]:
        versions = await self._versions(name)
        for version in versions[:VERSIONS_LOOKED_AT]:
            best = await self._judge(version.hash, name) if version.hash != hash else None
            if best is not None and best.doubt is None:
                return best.definition, f"{name}@{version.version}"
        return None, ""

    async def _refusal(self, doubt: Doubt, hash: str, name: str, ref: str) -> NotTrusted:
        try:
            review = await self.review(hash, name, ref)
        except DefinitionError:
            return NotTrusted(
                f"{name}@#{hash[:8]} is not executed here: {doubt.reason}", remedy=ALTERED, chain=name
            )
        signature = review.signature
        remedy = f"look at it, and trust it if it is good: %tinyflow trust {ref}"
        if doubt.remedy:
            remedy += f"\n{doubt.remedy}"
        return NotTrusted(
            f"{review.definition.short_ref} is not executed here: {doubt.reason}", remedy=remedy, chain=name,
            author=signature.author if signature else "",
            fingerprint=signature.fingerprint if signature else "", diff=shortened(review.diff),
        )  # fmt: skip


def _weight(judged: Judged) -> tuple[bool, bool, float]:
    """The least comes first: trusted, then unaltered, then newest."""
    return judged.doubt is not None, judged.definition is None, -judged.signature.at


def _keep(kept: dict[Any, Any], key: Any, value: Any, most: int = KEPT) -> None:
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
