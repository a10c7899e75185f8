"""What this tree reads in golden files: one function for each kind of file; the values are what JSON can hold."""

from __future__ import annotations

import base64
import inspect
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import grpc as _grpc
import msgspec

from meshgate.a2a.bindings import grpc, jsonrpc
from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.cards import read_card, terms_of
from meshgate.a2a.errors import MeshError
from meshgate.a2a.mesh import headers
from meshgate.a2a.mesh.lineage_tokens import verify
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.methods import METHODS
from meshgate.gateway.cluster.questions import UsageView
from meshgate.gateway.config import ConfigError, load_config
from meshgate.gateway.facts import Flight
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.gateway.identity.key_list import read_signed
from meshgate.gateway.identity.keys import KeyStore
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.jobs.account import Grant
from meshgate.gateway.observe.call_record import CallRecord
from meshgate.gateway.observe.job_tree import JobTree
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.observe.views import InstanceView, JobView, Status
from meshgate.registry.backends.consul.entry import Layout, instance_of, subject_of, switch_of
from meshgate.registry.backends.file import FileRegistry
from meshgate.registry.home import Home
from meshgate.registry.join import wire
from meshgate.registry.limits import blob_digest
from meshgate.registry.model import Delta, Manifest
from meshgate.registry.schemas import Subject, load_image
from meshgate.registry.snapshot import read_snapshot
from meshgate.sdk import FileTasks
from meshgate.sdk.schemas.lock.lockfile import read_lock
from meshgate.sdk.schemas.lock.releases import decode_releases

__all__ = ["KINDS", "names", "read"]

_BLOB = b"a blob"
_TASKS = ("completed", "failed", "canceled", "rejected", "input_required", "working")


def _built(value: Any) -> Any:
    """A value as JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _media(path: Path) -> wire.Media:
    return wire.PROTO if path.suffix == ".bin" else wire.JSON


def _register(path: Path) -> Any:
    joining = wire.decode_register(path.read_bytes(), _media(path))
    return {
        "instance": _built(joining.instance),
        "manifest": _built(joining.manifest),
        "digest": joining.manifest.digest(),
        "images": [blob_digest(image) for image in joining.images],
    }


def _error(path: Path) -> Any:
    error = wire.decode_error(503, path.read_bytes())
    told = {"code": error.code, "message": error.message, "retryable": error.retryable}
    return _built({**told, "violations": error.violations})


def _manifest(path: Path) -> Any:
    manifest = Manifest.decode(path.read_bytes())
    same = manifest.encode() == path.read_bytes()
    return {"manifest": _built(manifest), "digest": manifest.digest(), "bytes_are_the_same": same}


def _state(delta: Delta) -> Any:
    entries = sorted(delta.put, key=lambda entry: entry.instance.id)
    found = {"entries": entries, "switches": delta.switches, "reset": delta.reset, "subjects": delta.subjects}
    return _built(found)


async def _registry(path: Path) -> Any:
    opened = FileRegistry(path)
    watch = opened.watch()
    try:
        state = _state(await anext(watch))
        digest = state["entries"][-1]["instance"]["manifest"]
        found = await opened.manifest(digest)
        blob = await opened.get_blob(blob_digest(_BLOB))
        return {**state, "manifest": found.digest(), "blob": blob.decode()}
    finally:
        await watch.aclose()
        await opened.aclose()


def _snapshot(path: Path) -> Any:
    delta = read_snapshot(path)
    return None if delta is None else _state(delta)


def _mesh_key(path: Path) -> MeshKey:
    return MeshKey.load(path.with_name("mesh.key"), {})


def _keys(path: Path) -> Any:
    store, found = KeyStore.load(path), dict[str, Any]()
    for key in path.with_name("keys.txt").read_text("ascii").split():
        kind = key.split("_")[1]
        if kind == "client":
            principal = store.principal(key)
            scope = {"agents": principal.agents, "skills": principal.skills, "roles": sorted(principal.roles)}
            found[key] = {"id": principal.id, "kind": principal.kind, "tenant": principal.tenant, **scope}
        else:
            found[key] = _built(store.find(key, "join" if kind == "join" else "admin"))
    return _built(found)


def _shared_keys(path: Path) -> Any:
    found = read_signed(path.read_bytes(), _mesh_key(path))
    return None if found is None else {"number": found.number, "keys": {key.id: key.name for key in found.keys}}


def _credential(path: Path) -> Any:
    return _built(CredentialSeal(_mesh_key(path)).open(path.read_text("ascii").strip(), "post", "writer"))


def _run(path: Path) -> Any:
    return _built(Home(path.parent).read())


def _lineage(path: Path) -> Any:
    key = _mesh_key(path)
    tokens = path.read_text("ascii").split()
    own = [_built(verify(token, {key.id: key.secret}, "writer")) for token in tokens]
    return {"own": own, "anothers": [verify(token, {key.id: key.secret}, "other") for token in tokens]}


def _task_ids(path: Path) -> Any:
    tags, found = TaskTags(_mesh_key(path).secret), list[Any]()
    for task_id in path.read_text("utf-8").split():
        tag = tags.read(task_id)
        assert tag is not None
        owned = [tags.owns(tag, tenant=tenant, owner="alice") for tenant in ("default", "post")]
        routed = tag.agent == tags.agent("writer"), tag.instance == tags.instance("writer-0a1b2c3d4e5f")
        found.append({"upstream": tag.upstream, "owned_in_default_and_post": owned, "agent_and_instance": routed})
    return _built(found)


def _call_keys(path: Path) -> Any:
    return _built([_mesh_key(path).read_call_key(key) for key in path.read_text("ascii").split()])


def _derived(path: Path) -> Any:
    key = _mesh_key(path)
    devs = {f"{kind}_key": key.dev_key(kind)[0] for kind in ("client", "join", "admin")}
    made = {"id": key.id, "inspect": key.inspect_secret(), **devs}
    stated = json.loads(path.read_text("ascii"))
    # 0.1's inbound secret did not name the agent. It is derived anew at each start, and kept nowhere.
    stated.pop("inbound", None)
    return {"as_stated": made == stated, "made": made}


async def _tasks(path: Path) -> Any:
    store = FileTasks(path, now=lambda: 1_800_000_001.0)
    try:
        return {name: _built(await store.load(name)) for name in _TASKS}
    finally:
        await store.aclose()


def _faults(path: Path) -> Any:
    found: dict[str, Any] = {}
    for code, fault in json.loads(path.read_text("utf-8")).items():
        trailers = {key: base64.b64decode(value) for key, value in fault["trailers"].items()}
        over_grpc = _over_grpc(_grpc.StatusCode[fault["status"]], fault["text"], trailers)
        found[code] = [_over_json(fault["json"]), _fault(over_grpc), fault["http"], fault["status"]]
    return _built(found)


def _over_grpc(status: _grpc.StatusCode, text: str, trailers: Mapping[str, bytes]) -> MeshError:
    return grpc.decode_error(Failure(status.value[0], trailers["grpc-status-details-bin"], text), peer="mesh")


def _over_json(body: str) -> dict[str, Any] | None:
    try:
        jsonrpc.decode_answer(body.encode(), METHODS["GetTask"], "1", peer="mesh")
    except MeshError as error:
        return _fault(error)
    return None


def _fault(error: MeshError) -> dict[str, Any]:
    told = {"message": error.message, "metadata": error.metadata, "violations": error.violations}
    return {"code": error.code, "retry_after": error.retry_after, **told}


def _own_names() -> Any:
    """Names that others rely on."""
    named = {name: getattr(headers, name) for name in headers.__all__}
    sent = {name: value for name, value in named.items() if isinstance(value, str)}
    metrics = {metric.name: [metric.type, list(getattr(metric, "_labelnames", ()))] for metric in Metrics().collect()}
    return {"headers": sent, "metrics": metrics}


def names() -> str:
    """The same, to be kept."""
    return json.dumps(_own_names(), indent=1, sort_keys=True)


def _config(path: Path) -> Any:
    return _built(load_config({}, home=path.parent, path=path, environ={}))


def _consul(path: Path) -> Any:
    tree = json.loads(path.read_text("utf-8"))
    layout = Layout(tree["prefix"])
    kv = {key: base64.b64decode(value) for key, value in tree["kv"].items()}
    switches = [switch_of(key, value, layout) for key, value in kv.items() if key.startswith(layout.switches)]
    manifests = {key: Manifest.decode(value) for key, value in kv.items() if key.startswith(layout.manifests)}
    blobs = {key: blob_digest(value) for key, value in kv.items() if key.startswith(layout.blobs)}
    services = [instance_of(service, layout) for service in tree["services"]]
    places = {
        "checks": [layout.check_id(instance.id) for instance, _ in services],
        "services": [[layout.service(instance), layout.service_id(instance.id)] for instance, _ in services],
        "switches": [layout.switch_key(switch) for switch in switches if switch is not None],
    }
    subjects = [subject_of(key, value, layout) for key, value in kv.items() if key.startswith(layout.subjects)]
    found = {"services": services, "switches": switches, "manifests": manifests, "blobs": blobs, "places": places}
    return _built({**found, "subjects": subjects})


def _card(path: Path) -> Any:
    tree, view, _ = read_card(path.read_bytes())
    return {"name": tree["name"], "skills": _built(view.skills), "terms": _built(terms_of(view))}


def _as(kind: Any, path: Path) -> Any:
    return _built(msgspec.json.decode(path.read_bytes(), type=kind))


# -- contracts


def _image(path: Path) -> Any:
    image = load_image(path.read_bytes())
    return {"digest": image.digest, "bytes_are_the_same": image.data == path.read_bytes()}


def _subject(path: Path) -> Any:
    subject = Subject.decode(path.read_bytes())
    return {"subject": _built(subject), "bytes_are_the_same": subject.encode() == path.read_bytes()}


def _lock(path: Path) -> Any:
    found = decode_releases(path.read_bytes(), path.name)
    releases = {
        name: [one.version, one.input, one.output, [image.digest for image in (one.takes, one.gives) if image]]
        for name, one in found.items()
    }
    return _built({"numbers": read_lock(path), "releases": releases})


def _released_task_ids(path: Path) -> Any:
    tags = TaskTags(_mesh_key(path).secret)
    found = filter(None, (tags.read(task_id) for task_id in path.read_text("utf-8").split()))
    return [[tag.upstream, tag.release, tags.owns(tag, tenant="default", owner="alice")] for tag in found]


Reader = Callable[[Path], Any]
_READERS: dict[str, Reader] = {
    "register": _register,
    "joined": lambda path: _built(wire.decode_register_response(path.read_bytes(), _media(path))),
    "renew": lambda path: wire.decode_renew(path.read_bytes(), _media(path)),
    "renewed": lambda path: _built(wire.decode_renew_response(path.read_bytes(), _media(path))),
    "deregister": lambda path: wire.decode_deregister(path.read_bytes(), _media(path)),
    "error": _error,
    "manifest": _manifest,
    "registry": _registry,
    "snapshot": _snapshot,
    "mesh_key": lambda path: _mesh_key(path).id,
    "keys": _keys,
    "shared_keys": _shared_keys,
    "credential": _credential,
    "text": lambda path: path.read_text("utf-8").split(),
    "run": _run,
    "lineage": _lineage,
    "task_ids": _task_ids,
    "call_keys": _call_keys,
    "derived": _derived,
    "tasks": _tasks,
    "card": _card,
    "faults": _faults,
    "names": lambda _: _own_names(),
    "config": _config,
    "consul": _consul,
    "job": partial(_as, JobTree),
    "call": partial(_as, CallRecord),
    "job_view": partial(_as, JobView),
    "status": partial(_as, Status),
    "flights": partial(_as, list[Flight]),
    "grant": partial(_as, Grant),
    "instances": partial(_as, list[InstanceView]),
    "usage": partial(_as, UsageView),
    "image": _image,
    "subject": _subject,
    "lock": _lock,
    "released_task_ids": _released_task_ids,
}
KINDS = frozenset(_READERS)
"""The kinds of files that can be read."""


async def read(folder: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """What each file of a folder says, the kind given by name; what cannot be read is ``{"unreadable": ...}``.

    The files are copied first: keys have to be private to be read, and reading may write.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copied = _copy(folder, Path(scratch))
        return {name: await _one(copied / name, kind) for name, kind in kinds.items()}


def _copy(folder: Path, to: Path) -> Path:
    for file in folder.iterdir():
        shutil.copyfile(file, to / file.name)
        (to / file.name).chmod(0o600)
    return to


async def _one(path: Path, kind: str) -> Any:
    try:
        found: Any = _READERS[kind](path)
        return await found if inspect.isawaitable(found) else found
    except (MeshError, ConfigError, msgspec.MsgspecError, ValueError, KeyError) as error:
        return {"unreadable": f"{type(error).__name__}: {error}"}
