"""TLS with an authority of one's own, a client's certificate, and a user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import free_port
from tinyflow_nb import connect
from tinyflow_nb.errors import StoreError


@pytest.fixture
def secure(own_redis: Any, tmp_path: Path) -> tuple[str, str]:
    """Address without options, and those that name the files; the server wants both."""
    ca = trustme.CA()
    for name in ("server", "client"):
        issued = ca.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.crt")
    ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    port = free_port()
    server = own_redis(
        "--tls-port", str(port), "--tls-ca-cert-file", str(tmp_path / "ca.crt"),
        "--tls-cert-file", str(tmp_path / "server.crt"), "--tls-key-file", str(tmp_path / "server.key"),
    )  # fmt: skip
    server.ask("ACL", "SETUSER", "flow", "on", ">pw", "~tf:*", "&tf:*", "+@all")
    files = f"ca={tmp_path}/ca.crt&cert={tmp_path}/client.crt&key={tmp_path}/client.key"
    return f"rediss://flow:pw@127.0.0.1:{port}/0", files


async def test_a_chain_runs_over_tls_with_a_certificate_and_a_user(bench, secure):
    address, files = secure
    async with (
        connect(f"{address}?{files}") as worker,
        connect(f"{address}?{files}", execute=False) as client,
    ):
        assert await client.execute(bench.line, {"n": 1}, timeout=60) == 4
        assert worker is not client
    store = await bench.store(f"{address}?{files}")
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    assert store.renew([("r", "a", a.token), ("r", "a", 99)], 30.0) == [("r", "a", 99)], "its thread's too"


async def test_who_is_not_trusted_is_refused_on_either_side(bench, secure):
    address, files = secure
    with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
        await bench.store(address)
    authority = files.partition("&")[0]
    with pytest.raises(StoreError, match="redis at 127"):
        await bench.store(f"{address}?{authority}")
    await bench.store(f"{address}?verify=none&{files.partition('&')[2]}")
