"""A small Hub on loopback for tests: models under ROOT/owner/name, datasets under ROOT/datasets/owner/name. It answers
ModelScope's questions, too.

Point HF_ENDPOINT at `hub.url`. `hub.fault` is one of 401, 403, 404, 500, "hang", "truncate", "corrupt" (or None) and `hub.rate` a throttle in
KB/s; both may be changed while it runs. `hub.requests` is what was asked, `hub.tokens` the Authorization headers.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 16384


@dataclass
class Hub:
    """What a test sees of the server."""

    root: Path
    url: str = ""
    rate: float = 0.0
    fault: int | str | None = None
    only_files: bool = False
    """Whether a fault strikes only file bodies, not the listing."""
    requests: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    elsewhere: str = ""
    """Another server that file bodies are to be had from, by a redirect."""
    held: dict[str, bytes] = field(default_factory=dict)
    """Bodies of large files that were sent, by digest."""
    private: dict[str, bool] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)

    def repo(self, kind: str, name: str) -> Path | None:
        """The folder of a repository, None where there is none."""
        folder = self.root / name if kind == "models" else self.root / "datasets" / name
        return folder if folder.is_dir() and ".." not in name else None


def _blob(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    facts: dict[str, Any] = {"size": len(data)}
    facts["oid"] = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if path.suffix in (".safetensors", ".bin", ".parquet"):
        facts["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return facts


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), _blob(path)) for path in found]


def _rows(folder: Path) -> list[dict[str, Any]]:
    rows = [
        {"Path": path, "Name": path.split("/")[-1], "Type": "blob", "Size": facts["size"], "Sha256": _digest(folder / path)}
        for path, facts in _files(folder)
    ]  # fmt: skip
    return [{"Path": "sub", "Type": "tree", "Size": 0}, *rows]


def _info(name: str, folder: Path) -> dict[str, Any]:
    siblings = [
        {
            "rfilename": path,
            "size": facts["size"],
            "blobId": facts["oid"],
            **({"lfs": facts["lfs"]} if "lfs" in facts else {}),
        }
        for path, facts in _files(folder)
    ]
    return {"_id": "0", "id": name, "modelId": name, "sha": COMMIT, "private": False, "siblings": siblings, "tags": []}


def _tree(folder: Path) -> list[dict[str, Any]]:
    lfs = lambda facts: {"lfs": {**facts["lfs"], "oid": facts["lfs"]["sha256"]}} if "lfs" in facts else {}  # noqa: E731
    return [
        {"type": "file", "path": path, "size": facts["size"], "oid": facts["oid"], **lfs(facts)}
        for path, facts in _files(folder)
    ]


class Handler(BaseHTTPRequestHandler):
    """The endpoints that huggingface_hub asks."""

    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *arguments: Any) -> None:
        self.hub = hub
        super().__init__(*arguments)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing on stderr."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        """An upload: a repository made, files announced, and one commit (https://huggingface.co/docs/hub/api)."""
        body, path = self.rfile.read(int(self.headers["Content-Length"])), urlsplit(self.path).path.strip("/")
        self.hub.requests.append(f"POST /{path}")
        self.hub.tokens.append(self.headers.get("Authorization", ""))
        if isinstance(self.hub.fault, int):
            return self._error(self.hub.fault, "")
        if path.endswith("/commit/main"):
            return self._commit(path, [json.loads(line) for line in body.splitlines()])
        return self._json(self._announced(path, json.loads(body)))

    def _announced(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        if path == "api/repos/create":
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            (self.hub.root / name).mkdir(parents=True, exist_ok=True)
            self.hub.private[name] = asked.get("visibility") == "private" or bool(asked.get("private"))
            return {"url": f"{self.hub.url}/{name}", "name": name}
        if path.endswith("/preupload/main"):
            large = lambda name: "lfs" if name.endswith((".safetensors", ".zip")) else "regular"  # noqa: E731
            return {
                "files": [
                    {"path": f["path"], "uploadMode": large(f["path"]), "shouldIgnore": False} for f in asked["files"]
                ]
            }
        if path.endswith("/objects/batch"):
            objects = [{"oid": each["oid"], "size": each["size"], "actions": {"upload": {"href": f"{self.hub.url}/upload/{each['oid']}"}}} for each in asked["objects"]]  # fmt: skip
            return {"transfer": "basic", "objects": objects}
        return {"errors": [], "warnings": []}  # api/validate-yaml

    def _commit(self, path: str, lines: list[dict[str, Any]]) -> None:
        name = "/".join(path.split("/")[2:4])
        folder = self.hub.root / name
        for line in lines:
            value = line["value"]
            if line["key"] not in ("file", "lfsFile"):
                continue
            target = folder / value["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(
                self.hub.held[value["oid"]] if line["key"] == "lfsFile" else base64.b64decode(value["content"])
            )
        self._json(
            {
                "success": True,
                "commitOid": COMMIT,
                "commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}",
                "hookOutput": "",
            }
        )

    def do_PUT(self) -> None:
        """A large file's body, or ModelScope's search."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/upload/"):
            assert hashlib.sha256(body).hexdigest() == self.path.removeprefix("/upload/")
            self.hub.held[self.path.removeprefix("/upload/")] = body
            return self._json({})
        asked = json.loads(body)
        self.hub.requests.append(f"PUT {self.path}")
        names = [(p.parent.name, p.name) for p in sorted(self.hub.root.glob("*/*")) if asked["Name"] in p.name]
        models = [{"Path": owner, "Name": name, "Downloads": 7, "Stars": 1} for owner, name in names]
        return self._json({"Code": 200, "Data": {"Model": {"Models": models[: asked["PageSize"]]}}})

    def _answer(self, body: bool) -> None:
        address = urlsplit(self.path)
        path = unquote(address.path).strip("/")
        if path == "api/agent-harnesses":  # the client asks this of its own accord, once
            return self._error(404, "")
        self.hub.requests.append(f"{self.command} /{path}")
        self.hub.tokens.append(self.headers.get("Authorization", ""))
        is_file = "/resolve/" in path or "FilePath=" in address.query
        fault = self.hub.fault if is_file or not self.hub.only_files else None
        if fault == "hang":
            self.hub.closing.wait(60)
            self.close_connection = True
        elif isinstance(fault, int):
            self._error(fault, {401: "", 403: "GatedRepo", 404: "RepoNotFound"}.get(fault, ""))
        elif "/resolve/" in path:
            self._file(path.removeprefix("models/"), body, fault)
        elif path.startswith("api/v1/datasets/"):
            self._modelscope_data(path.split("/"), parse_qs(address.query), body, fault)
        elif path.startswith("api/v1/models/"):
            self._modelscope(path.split("/"), parse_qs(address.query))
        else:
            self._api(path, parse_qs(address.query))
        return None

    def _api(self, path: str, query: dict[str, list[str]]) -> None:
        parts = path.split("/")
        if path in ("api/models", "api/datasets"):
            wanted = query.get("search", [""])[0]
            names = [f"{p.parent.name}/{p.name}" for p in sorted(self.hub.root.glob("*/*")) if p.is_dir()]
            return self._json([{"id": name, "modelId": name, "_id": "0"} for name in names if wanted in name])
        if len(parts) < 4 or parts[0] != "api":
            return self._error(404, "")
        folder = self.hub.repo(parts[1], "/".join(parts[2:4]))
        if folder is None:
            return self._error(404, "RepoNotFound")
        if len(parts) > 5 and parts[5] not in ("main", COMMIT):
            return self._error(404, "RevisionNotFound")
        return self._json(_tree(folder) if parts[4:5] == ["tree"] else _info("/".join(parts[2:4]), folder))

    def _modelscope(self, parts: list[str], query: dict[str, list[str]]) -> None:
        folder = self.hub.repo("models", "/".join(parts[3:5]))
        if folder is None or query["Revision"] != ["master"]:
            return self._error(404, "")
        return self._json({"Code": 200, "Data": {"Files": _rows(folder)}})

    def _modelscope_data(self, parts: list[str], query: dict[str, list[str]], body: bool, fault: Any) -> None:
        """A dataset's number, its files by that number (a page of them), or one file."""
        names = sorted(
            path.relative_to(self.hub.root / "datasets").as_posix() for path in self.hub.root.glob("datasets/*/*")
        )
        if parts[-1] == "tree":
            page, size = int(query["PageNumber"][0]), int(query["PageSize"][0])
            rows = _rows(self.hub.root / "datasets" / names[int(parts[3])])
            return self._json({"Code": 200, "Data": {"Files": rows[(page - 1) * size : page * size]}})
        name = "/".join(parts[3:5])
        if name not in names or query.get("Revision", ["master"]) != ["master"]:
            return self._error(404, "")
        if parts[-1] == "repo":
            return self._file(f"datasets/{name}/resolve/master/{query['FilePath'][0]}", body, fault)
        return self._json({"Code": 200, "Data": {"Id": names.index(name)}})

    def _file(self, path: str, body: bool, fault: int | str | None) -> None:
        if self.hub.elsewhere:
            self.send_response(302)
            self.send_header("Location", f"{self.hub.elsewhere}/{path}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        before, _, rest = path.partition("/resolve/")
        kind, name = ("datasets", before[9:]) if before.startswith("datasets/") else ("models", before)
        folder = self.hub.repo(kind, name)
        file = folder / rest.partition("/")[2] if folder else None
        if folder is None or file is None or not file.is_file():
            return self._error(404, "EntryNotFound" if folder else "RepoNotFound")
        data = file.read_bytes()
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(data) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if body:
            self._send(bytes(len(data)) if fault == "corrupt" else data, start, fault)
        return None

    def _send(self, data: bytes, start: int, fault: int | str | None) -> None:
        end = start + (len(data) - start) // 2 if fault == "truncate" else len(data)
        with contextlib.suppress(ConnectionError):
            for offset in range(start, end, PIECE):
                self.wfile.write(data[offset : min(end, offset + PIECE)])
                if self.hub.rate and self.hub.closing.wait(PIECE / 1024 / self.hub.rate):
                    break
        self.close_connection = self.close_connection or end != len(data)

    def _json(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextlib.contextmanager
def serve_hub(root: Path, rate: float = 0.0, handler: type[Handler] = Handler) -> Iterator[Hub]:
    """Serve `root` until the block ends."""
    hub = Hub(root, rate=rate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, hub))
    server.daemon_threads = True
    server.block_on_close = False
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
