"""RocketMQ, as far as its proxy tells a client: does it answer, are the topics there, of the right type?

The groups are known to the brokers alone, which a client does not see: they are looked at only if the
server is one that `tinyflow-nb services` started here.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.addresses import without_password
from tinyflow_nb.doctor.finding import Finding, error, ok, warning
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.errors import MissingExtra, ServiceError, SettingsError
from tinyflow_nb.model.lanes import lanes_of
from tinyflow_nb.schedulers.rocketmq_names import EXECUTION, TIMERS, TYPES, group_of

if TYPE_CHECKING:
    from tinyflow_nb.schedulers.rocketmq_client import Client

ASK_SECONDS = 5.0
ADMIN = "on its server: mqadmin"


class Route(NamedTuple):
    """What the proxy answers of a topic."""

    code: str
    message: str
    types: frozenset[str]


async def answers(patient: Patient) -> Finding:
    """Each of its endpoints, asked for the way to a topic."""
    shown = without_password(patient.scheduler)
    try:
        client = await _client(patient)
    except MissingExtra as e:
        return error("RocketMQ can't be used", str(e), "pip install 'tinyflow-nb[fleet]'")
    except SettingsError as e:
        return error(f"{shown} is no address of RocketMQ", str(e), "--scheduler rocketmq://host:8081")
    grpc = importlib.import_module("grpc")
    for place in client.endpoints.split(";"):
        try:
            route = await _route(client, place, EXECUTION)
        except grpc.RpcError as e:
            return _silent(place, e)
        if route.code in ("UNAUTHORIZED", "FORBIDDEN"):
            why = f"{place}: {route.message}"
            mend = "--scheduler rocketmq://KEY:SECRET@host:8081, of a user of its that may send and take"
            return error("RocketMQ refuses this user", why, mend)
    return ok(f"RocketMQ answers at {shown}")


def _silent(place: str, error_of_grpc: Any) -> Finding:
    host, _, port = place.rpartition(":")
    told = error_of_grpc.details() or str(error_of_grpc.code())
    if "refused" in told:
        mend = f"start its proxy on {host}"
        if host in ("127.0.0.1", "localhost"):
            mend = f"tinyflow-nb services up rocketmq --rocketmq-port {port}"
        why = f"nothing answers at {place}"
    elif error_of_grpc.code().name == "DEADLINE_EXCEEDED":
        why, mend = f"{place} says nothing", f"see that {host} is up and port {port} is that of its proxy"
    else:
        why = f"{place}: {told.splitlines()[0][:200]}"
        mend = "name the proxy's gRPC port, usually 8081, not the name server's"
    return error("RocketMQ can't be reached", f"{why}; without it a fleet is slower, not stuck", mend)


async def topics(patient: Patient) -> list[Finding]:
    client = await _client(patient)
    place = client.endpoints.split(";")[0]
    return [
        _judged(client.name(topic), type, await _route(client, place, topic)) for topic, type in TYPES.items()
    ]


def _judged(topic: str, type: str, route: Route) -> Finding:
    make = f"{ADMIN} updateTopic -n NAMESERVER:9876 -c CLUSTER -t {topic} -a +message.type={type}"
    if route.code == "TOPIC_NOT_FOUND":
        return error(f"topic {topic} is missing", "what is sent to it is refused", make)
    if route.code != "OK":
        return warning(
            f"topic {topic} could not be looked at", f"{route.code}: {route.message}", "see its log"
        )
    if type not in route.types:
        found = ", ".join(sorted(route.types)) or "of none"
        why = f"it takes {found} messages, and refuses those that are {type}"
        delete = f"{ADMIN} deleteTopic -n NAMESERVER:9876 -c CLUSTER -t {topic}; then"
        return error(f"topic {topic} is of the wrong type", why, f"{delete} {make.removeprefix(ADMIN + ' ')}")
    return ok(f"topic {topic} takes {type} messages")


async def groups(patient: Patient) -> Finding:
    """One for each lane that a worker serves, and one for timers."""
    client = await _client(patient)
    workers = await patient.runs.workers() if patient.runs is not None else []
    lanes = {lane for w in workers for lane in lanes_of(w.tags)} | {""}
    wanted = [client.name(group) for group in (*sorted(map(group_of, lanes)), TIMERS)]
    broker = await asyncio.to_thread(_broker_of_ours, client.endpoints)
    if not broker:
        why = f"only its administrator can: {', '.join(wanted)} must be there unless it makes groups itself"
        return ok("the consumer groups can't be asked for through a proxy", why)
    missing = await asyncio.to_thread(_missing, wanted, broker)
    if missing:
        why = "nobody can take messages in their name"
        mend = "tinyflow-nb services up rocketmq"
        return error(f"consumer groups are missing: {', '.join(missing)}", why, mend)
    return ok(f"the consumer groups are there: {', '.join(wanted)}")


def _broker_of_ours(endpoints: str) -> int:
    """The broker's own port, if it is one of this user's services; else 0."""
    from tinyflow_nb.services.places import read_record, services_folder
    from tinyflow_nb.services.ports import LOOPBACK

    try:
        ports = read_record(services_folder(None)).ports
    except ServiceError:
        return 0
    return ports.get("broker", 0) if endpoints == f"{LOOPBACK}:{ports.get('rocketmq')}" else 0


def _missing(wanted: list[str], broker: int) -> list[str]:
    from tinyflow_nb.services.remoting import LIST_GROUPS, ask

    there = json.loads(ask(broker, LIST_GROUPS).body)["subscriptionGroupTable"]
    return [group for group in wanted if group not in there]


async def _client(patient: Patient) -> Client:
    """Raises MissingExtra, SettingsError."""
    from tinyflow_nb.schedulers.rocketmq_client import Client

    client = Client(patient.scheduler, patient.settings.rocketmq)
    await client.library()
    return client


async def _route(client: Client, place: str, topic: str) -> Route:
    """One request of RocketMQ's gRPC protocol, without the threads and retries of its client.

    Raises:
        grpc.RpcError
    """
    configuration = await client.configuration()
    return await asyncio.to_thread(_asked, client, configuration, place, client.name(topic))


def _asked(client: Client, configuration: Any, place: str, topic: str) -> Route:
    grpc = importlib.import_module("grpc")
    protocol = importlib.import_module("rocketmq.grpc_protocol")
    util = importlib.import_module("rocketmq.v5.util")
    request = protocol.QueryRouteRequest()
    request.topic.name = topic
    request.topic.resource_namespace = configuration.namespace
    request.endpoints.CopyFrom(configuration.rpc_endpoints.endpoints)
    metadata = util.Signature.metadata(configuration, util.ClientId().client_id)
    tls = client.settings.tls
    open_channel = grpc.secure_channel if tls else grpc.insecure_channel
    with open_channel(place, *([grpc.ssl_channel_credentials()] if tls else [])) as channel:
        stub = protocol.MessagingServiceStub(channel)
        reply = stub.QueryRoute(request, timeout=ASK_SECONDS, metadata=metadata)
    names = {number: name for name, number in protocol.MessageType.items()}
    types = (t for queue in reply.message_queues for t in queue.accept_message_types)
    code = protocol.Code.Name(reply.status.code)
    return Route(code, reply.status.message, frozenset(names[t] for t in types))
