"""`%tinyflow trust`: what a person reads before trusting, and the trusting."""

from __future__ import annotations

from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb_magics.session import Session


def trust_chain(session: Session, what: str, *, yes: bool) -> str:
    """A chain or a run: its author, its code or what changed; with `yes` signed with the user's own key.

    Raises:
        UnknownChain, NotTrusted, DefinitionError
    """
    executor = session.executor
    review = session.call(executor.review(what))
    if review.reason and yes:
        session.call(executor.vouch(review))
        return f"Signed {review.definition.short_ref} with your key: it is executed where you are trusted."
    told = review.told()
    return told if not review.reason else f"{told}\n\nTo trust exactly this: %tinyflow trust {what} --yes"


def trust_signer(session: Session, who: str, name: str, *, yes: bool) -> str:
    """A signer, by key or fingerprint.

    Raises:
        SettingsError: it is neither, or was revoked.
        InvalidOperation: this session's trust is not the user's list.
    """
    from tinyflow_nb.trust import UserTrust

    trust = session.executor.trust
    if not isinstance(trust, UserTrust):
        raise InvalidOperation("whom this session trusts was given to it by a program: say it there")
    if not yes:
        return f"Whatever {who} signs would be executed here: %tinyflow trust {who} --name NAME --yes"
    signer = trust.add(who, name)
    return f"Trusted: {signer.name or 'no name'} {signer.fingerprint}"
