"""A read-only Kubernetes API that serves a made-up cluster in pages, over TLS where openssl is at hand.

Run as a program it prints the path of its kubeconfig and serves until it is stopped.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))

from made_up import LISTS, Obj, made_up

LOG = gzip.compress(b"starting\nfatal: no route to the database\n")


def answers(lists: dict[str, list[Obj]]) -> dict[tuple[str, int], bytes]:
    """Every page, compressed as an API server does, by path and offset."""
    pages: dict[tuple[str, int], bytes] = {}
    for path, items in lists.items():
        for start in range(0, max(len(items), 1), 500):
            left = len(items) - start - 500
            more = {"continue": str(start + 500), "remainingItemCount": left} if left > 0 else {}
            version = "v1" if path.startswith("/api/") else "/".join(path.split("/")[2:4])
            page = {
                "kind": f"{LISTS[path]}List",
                "apiVersion": version,
                "metadata": {"resourceVersion": "1", **more},
                "items": items[start : start + 500],
            }
            pages[path, start] = _packed(page)
    groups: dict[str, set[str]] = {}
    for path in LISTS:
        root, _, _ = path.rpartition("/")
        groups.setdefault(root, set()).add(path)
    for root, paths in groups.items():
        version = root.removeprefix("/apis/").removeprefix("/api/")
        resources = [
            {
                "name": p.rpartition("/")[2],
                "singularName": "",
                "kind": LISTS[p],
                "verbs": ["get", "list"],
                "namespaced": "nodes" not in p and "webhook" not in p,
            }
            for p in sorted(paths)
        ]
        listed = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
        pages[root, 0] = _packed(listed)
    pages["/api", 0] = _packed({"kind": "APIVersions", "versions": ["v1"]})
    named = [root.removeprefix("/apis/") for root in groups if root.startswith("/apis/")]
    pages["/apis", 0] = _packed(
        {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [
                {
                    "name": g.split("/")[0],
                    "versions": [{"groupVersion": g, "version": g.split("/")[1]}],
                    "preferredVersion": {"groupVersion": g, "version": g.split("/")[1]},
                }
                for g in named
            ],
        }
    )
    return pages


def _packed(value: Obj) -> bytes:
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), 4)


def _of_namespace(path: str) -> bytes | None:
    """Logs of any pod, and no objects in any list of a namespace."""
    if "/namespaces/" not in path:
        return None
    return LOG if path.endswith("/log") else _packed({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []})


def handler(pages: dict[tuple[str, int], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            start = int(parse_qs(url.query).get("continue", ["0"])[0])
            body = pages.get((url.path, start)) or _of_namespace(url.path)
            status = 200 if body else 404
            body = body or _packed({"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
            packed = "gzip" in self.headers.get("Accept-Encoding", "")
            if not packed:
                body = gzip.decompress(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if packed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    return Handler


def serve(folder: Path, pods: int) -> None:
    """Write a kubeconfig into the folder, print its path, and serve."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(answers(made_up(pods))))
    cluster: Obj = {"server": f"http://127.0.0.1:{server.server_port}"}
    if shutil.which("openssl"):
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=replay",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-keyout",
                str(key),
                "-out",
                str(certificate),
            ],
            check=True,
            capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        cluster = {"server": f"https://127.0.0.1:{server.server_port}", "certificate-authority": str(certificate)}
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "replay",
                "clusters": [{"name": "replay", "cluster": cluster}],
                "users": [{"name": "replay", "user": {"token": "none"}}],
                "contexts": [{"name": "replay", "context": {"cluster": "replay", "user": "replay"}}],
            }
        )
    )
    print(kubeconfig, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pods", type=int, default=5000)
    wanted = parser.parse_args()
    serve(wanted.folder, wanted.pods)
