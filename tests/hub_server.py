"""A hub of one's own on the loopback: as much of its interface as its library's downloads ask."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".parquet", ".json")
"""Endings of the files that are named by their sha256, as large ones are, instead of git's sha1."""


@dataclass
class Repository:
    """A repository by its commits, the newest one last."""

    commits: dict[str, dict[str, bytes]]
    gated: bool = False


@dataclass
class HubServer:
    """Serves repositories by `models/owner/name` or `datasets/owner/name`; a context manager.

    A gated one serves its files to those who show `token`. `requests` counts what was asked, by
    method and path.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    token: str = "secret"
    requests: list[str] = field(default_factory=list)

    def __enter__(self) -> "HubServer":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(
        self, name: str, files: Mapping[str, bytes], commit: str, gated: bool = False
    ) -> "HubServer":
        """Add a commit, the newest one now, to a repository that need not exist."""
        self.repositories.setdefault(name, Repository({}, gated)).commits[commit] = dict(files)
        return self


def _handler(hub: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_HEAD(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            path = unquote(urlsplit(self.path).path).lstrip("/")
            hub.requests.append(f"{self.command} {path}")
            api = re.fullmatch(r"api/(\w+/[^/]+/[^/]+)/(revision|tree)/([^/]+)", path)
            file = re.fullmatch(r"(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            if api:
                name, what, revision = api.groups()
            elif file:
                name, revision = f"{(file[1] or 'models/')}{file[2]}", file[3]
            else:
                return self._refuse(404, "EntryNotFound")
            repository = hub.repositories.get(name)
            if repository is None:
                return self._refuse(401, "RepoNotFound")
            commit = [*repository.commits][-1] if revision == "main" else revision
            if commit not in repository.commits:
                return self._refuse(404, "RevisionNotFound")
            files = repository.commits[commit]
            if api and what == "revision":
                return self._json({"id": name.partition("/")[2], "sha": commit, "siblings": []})
            if api:
                return self._json([_entry(path, data) for path, data in files.items()])
            if repository.gated and self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self._refuse(401, "GatedRepo")
            if file[4] not in files:
                return self._refuse(404, "EntryNotFound")
            data = files[file[4]]
            entry = _entry(file[4], data)
            digest = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
            self._send(200, data, {"ETag": f'"{digest}"', "X-Repo-Commit": commit})

        def _json(self, data: Any) -> None:
            self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

        def _refuse(self, status: int, code: str) -> None:
            self._send(status, b"", {"X-Error-Code": code})

        def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

    return Handler


def _entry(path: str, data: bytes) -> dict[str, Any]:
    """A file as the listing of a repository has it."""
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob}
    if path.endswith(LARGE):
        digest = hashlib.sha256(data).hexdigest()
        entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 130}
    return entry
