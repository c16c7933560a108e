"""SEMANTICS 44: a key per user, made on first use and kept from others; keys of teams and of CI."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tinyflow_nb.errors import SettingsError
from tinyflow_nb.model.signature import fingerprint
from tinyflow_nb.settings import FILE_NAME, TrustSettings, load_settings
from tinyflow_nb.trust import UserTrust
from tinyflow_nb.trust.keys import fingerprint_of, public_part

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
KEYS_FINGERPRINT = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"

FIRST_USE = "from tinyflow_nb.trust import UserTrust; print(UserTrust().own_fingerprint())"


def pem(key: Any, form: str = "PKCS8", password: bytes | None = None) -> str:
    encryption: Any = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    kind = getattr(serialization.PrivateFormat, form)
    return key.private_bytes(serialization.Encoding.PEM, kind, encryption).decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Any:
    """`file = key_file(text)`: readable by its owner alone."""

    def write(text: str, mode: int = 0o600) -> Path:
        file = tmp_path / "a-key"
        file.write_text(text)
        file.chmod(mode)
        return file

    return write


def own_folder(tmp_path: Path) -> Path:
    return tmp_path / "user-data" / "tinyflow-nb" / "trust"


def test_44_the_key_is_the_users_alone_and_stays_the_same(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        first = UserTrust().own_fingerprint()
    finally:
        os.umask(before)
    folder = own_folder(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert UserTrust().own_fingerprint() == first
    assert sorted(f.name for f in folder.iterdir()) == ["key.pem", "lock"]


def test_44_eight_processes_that_need_it_at_once_make_one_key() -> None:
    command = [sys.executable, "-c", FIRST_USE]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    told = {process.communicate()[0].strip() for process in started}
    assert [process.returncode for process in started] == [0] * 8
    assert told == {UserTrust().own_fingerprint()}


def test_44_nothing_is_made_by_looking(tmp_path: Path, user: Any, define: Any) -> None:
    signature = user("alice").sign(definition := define("def one() -> int:\n    return 1\n"))
    mine = UserTrust()
    assert mine.distrust(signature, definition) is not None
    assert mine.signers() == []
    assert not own_folder(tmp_path).exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_44_a_key_that_others_may_read_or_write_is_not_used(tmp_path: Path, mode: int) -> None:
    UserTrust().own_fingerprint()
    file = own_folder(tmp_path) / "key.pem"
    file.chmod(mode)
    with pytest.raises(SettingsError, match=f"others may read .*: chmod 600 {file}"):
        UserTrust().own_fingerprint()


def test_44_a_folder_that_can_not_be_written_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("")
    with pytest.raises(SettingsError, match="TINYFLOW_TRUST__KEY_VARIABLE"):
        UserTrust(TrustSettings(), tmp_path / "in-the-way").own_fingerprint()


def test_44_fingerprints_are_those_of_openssh() -> None:
    assert fingerprint(KEY) == KEYS_FINGERPRINT
    for text in (KEY, f"ssh-ed25519 {KEY}", f"ssh-ed25519 {KEY} alice at home", KEYS_FINGERPRINT):
        assert fingerprint_of(text) == KEYS_FINGERPRINT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-rsa AAAAB3NzaC1yc2E= x",
        KEYS_FINGERPRINT[:-1],
        "SHA256:",
        KEY[:-4],
        "alice",
        "é",
    ],
)
def test_44_half_a_key_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        fingerprint_of(text)
    with pytest.raises(SettingsError):
        UserTrust().add(text, "somebody")


@pytest.mark.parametrize("form", ["PKCS8", "OpenSSH"])
def test_44_a_team_or_ci_signs_with_a_key_of_its_own(
    key_file: Any, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    expected = fingerprint(public_part(private))
    file = key_file(pem(private, form))
    assert UserTrust(TrustSettings(key_file=str(file))).own_fingerprint() == expected
    monkeypatch.setenv("CI_SIGNING_KEY", file.read_text())
    from_variable = UserTrust(TrustSettings(key_variable="CI_SIGNING_KEY"))
    assert from_variable.own_fingerprint() == expected
    assert from_variable.is_trusted(expected)
    with pytest.raises(SettingsError, match="renew it where it comes from"):
        from_variable.renew_key()


def test_44_what_is_no_signing_key_is_told(key_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    cases = {
        "no private key without a passphrase": "nonsense",
        "holds no private key": pem(private, "PKCS8", b"secret"),
        "not of the kind Ed25519": pem(ec.generate_private_key(ec.SECP256R1())),
    }
    cases[" holds no private key without"] = "-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----\n"
    for message, text in cases.items():
        file = key_file(text)
        with pytest.raises(SettingsError, match=message) as caught:
            UserTrust(TrustSettings(key_file=str(file))).own_fingerprint()
        assert text.splitlines()[0] not in str(caught.value)
    with pytest.raises(SettingsError, match="there is no signing key /nowhere"):
        UserTrust(TrustSettings(key_file="/nowhere/key")).own_fingerprint()
    with pytest.raises(SettingsError, match=r"variable NO_SUCH_KEY, named by .*, holds no signing key"):
        UserTrust(TrustSettings(key_variable="NO_SUCH_KEY")).own_fingerprint()


def test_44_a_new_key_leaves_what_the_old_one_signed_trusted(define: Any) -> None:
    trust, definition = UserTrust(), define("def one() -> int:\n    return 1\n")
    signature = trust.sign(definition)
    trust.renew_key()
    assert trust.own_fingerprint() != signature.fingerprint
    assert UserTrust().distrust(signature, definition) is None


def test_44_after_the_own_key_was_revoked_a_new_one_signs_in_processes_that_run_already(define: Any) -> None:
    running, elsewhere = UserTrust(), UserTrust()
    definition = define("def one() -> int:\n    return 1\n")
    old = running.sign(definition)
    elsewhere.revoke(old.fingerprint)
    elsewhere.renew_key()
    assert UserTrust().distrust(old, definition) is not None
    elsewhere_new = elsewhere.own_fingerprint()
    running._list._look_at = 0.0  # it looks twice a second at most
    assert running.sign(definition).fingerprint == elsewhere_new


def test_44_the_list_is_read_again_when_it_changes(user: Any, define: Any, tmp_path: Path) -> None:
    alice, mine, elsewhere = user("alice"), UserTrust(), UserTrust()
    definition = define("def one() -> int:\n    return 1\n")
    signature = alice.sign(definition)
    before = mine.epoch()
    elsewhere.add(alice.own_line(), "")
    mine._list._look_at = 0.0
    assert mine.epoch() != before
    assert mine.distrust(signature, definition) is None
    (listed,) = mine.signers()
    assert (listed.name, listed.state, listed.source) == ("alice@there", "trusted", "file")
    assert stat.S_IMODE((own_folder(tmp_path) / "signers.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}', '{"signers": {"alice": {}}}', "\xff"])
def test_44_a_list_that_can_not_be_read_trusts_nobody_and_says_so(
    user: Any, define: Any, tmp_path: Path, text: str
) -> None:
    definition = define("def one() -> int:\n    return 1\n")
    signature = UserTrust().sign(definition)
    (own_folder(tmp_path) / "signers.json").write_text(text, "latin-1")
    doubt = UserTrust().distrust(signature, definition)
    assert doubt is not None
    assert "nobody's code is executed before it is mended" in doubt.reason
    for use in (UserTrust().sign, UserTrust().add, UserTrust().revoke):
        with pytest.raises(SettingsError, match=r"the list of trusted signers in .* can't be read"):
            use(definition) if use.__name__ == "sign" else use(KEY, "x")  # type: ignore[arg-type, call-arg]


def test_44_a_projects_file_can_not_say_whom_to_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE_NAME).write_text(f'[trust.keys]\neve = "{KEYS_FINGERPRINT}"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="a project's file can't say whom to trust"):
        load_settings()
    (tmp_path / FILE_NAME).unlink()
    own = tmp_path / "user-config" / "tinyflow-nb" / FILE_NAME
    own.parent.mkdir(parents=True)
    own.write_text(f'[trust.keys]\nalice = "ssh-ed25519 {KEY}"\n')
    assert UserTrust().is_trusted(KEYS_FINGERPRINT)
    monkeypatch.setenv("TINYFLOW_TRUST__REVOKED", f'["{KEYS_FINGERPRINT}"]')
    assert not UserTrust().is_trusted(KEYS_FINGERPRINT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[trust]\nkey_variable = "-----BEGIN"', "must be the name of the environment variable"),
        ('[trust]\nkyes = "x"', "unknown key 'trust.kyes'; did you mean 'keys'?"),
    ],
)
def test_44_a_mistake_in_the_settings_is_told(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "user-config" / "tinyflow-nb" / FILE_NAME
    own.parent.mkdir(parents=True)
    own.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_44_a_name_of_oneself_can_not_paint_the_terminal(define: Any, user: Any) -> None:
    definition = define("def one() -> int:\n    return 1\n")
    signature = user("\x1b[2Jadmin\u202e").sign(definition)
    assert "\x1b" not in signature.signer
    assert "\u202e" not in signature.signer
