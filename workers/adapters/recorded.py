"""A cluster as it once was, from files that `kubectl get … -o json` and `kubectl logs` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from core.errors import Absent, ConfigError, ToolError
from workers.adapters.kubepaths import check

_PLURALS = {
    "Ingress": "ingresses", "Endpoints": "endpoints", "NetworkPolicy": "networkpolicies",
    "PriorityClass": "priorityclasses", "StorageClass": "storageclasses", "EndpointSlice": "endpointslices",
}  # fmt: skip


class RecordedCluster:
    """Implements workers.ports.Cluster over a folder: every `*.json` in it is an object or a List; logs are
    `logs/<namespace>_<pod>_<container>.log`, of the run before `….previous.log`."""

    def __init__(self, folder: Path) -> None:
        """Raises: ConfigError naming the file that is not what `kubectl -o json` writes."""
        self.name = folder.name
        self.server = "https://recorded.invalid"
        self._folder = folder
        self._objects: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for path in sorted(folder.glob("*.json")):
            for item in _items(path):
                kind, group_version = str(item.get("kind", "")), str(item.get("apiVersion", ""))
                plural = _PLURALS.get(kind, f"{kind.lower()}s")
                self._objects.setdefault((group_version, plural), []).append(item)

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Implements workers.ports.Cluster."""
        target = check(path, query)
        if path == "/version":
            return {"gitVersion": "recorded"}
        if target.name is None:
            return {"items": list(self.items(path, **query)), "metadata": {}}
        for item in self.items(path.rsplit("/", 1)[0]):
            if item["metadata"]["name"] == target.name:
                return item
        raise Absent(str(target), "not in the recording")

    def items(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """Implements workers.ports.Cluster. Selectors are those that the recording was made with."""
        target = check(path, query)
        version = "v1" if path.startswith("/api/") else "/".join(path.split("/")[2:4])
        for item in self._objects.get((version, target.resource), ()):
            if target.namespace in (None, item["metadata"].get("namespace")):
                yield item

    def serves(self, group_version: str, resource: str) -> bool:
        """Implements workers.ports.Cluster: what the recording holds, and version v1 of anything."""
        return (group_version, resource) in self._objects or group_version.endswith("v1")

    def logs(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """Implements workers.ports.Cluster."""
        if any("/" in part or part.startswith(".") for part in (namespace, pod, container)):
            raise ToolError("logs", "that is not a name")
        path = self._folder / "logs" / f"{namespace}_{pod}_{container}{'.previous' if previous else ''}.log"
        if not path.exists():
            raise Absent(f"log of pods {namespace}/{pod}", "not in the recording")
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _items(path: Path) -> list[dict[str, Any]]:
    try:
        content = orjson.loads(path.read_bytes())
        items = content.get("items", [content])
        if not all(isinstance(item["metadata"]["name"], str) for item in items):
            raise TypeError
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not what `kubectl get … -o json` writes; record it again.") from error
    return [item for item in items if item.get("kind") != "Secret"]
