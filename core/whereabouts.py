"""Where pods run and what was rolled out lately, as an investigator last saw it: the web process reads no cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson
import redis

from core.redis import as_text

_PREFIX = "sre:where:"
KEPT_S = 3600  # pods that are gone are still known so long: an alert about one comes after it
_NODES = "nodes"


@dataclass(frozen=True)
class Seen:
    """One look at a cluster. Pods and workloads are written "namespace/name", without the kind."""

    pods: Mapping[str, str] = field(default_factory=dict)  # to its node
    workloads: Mapping[str, frozenset[str]] = field(default_factory=dict)  # to the nodes that its pods run on
    nodes: Mapping[str, str] = field(default_factory=dict)  # names and addresses, to the name
    rollouts: Mapping[str, tuple[str, float]] = field(default_factory=dict)  # to its release and when it began


class Whereabouts:
    """What was seen of each cluster; "" is the one that has no name."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, cluster: str, seen: Seen, now: float) -> None:
        """Remember a look; what it does not show any more is kept for an hour."""
        key = _PREFIX + cluster
        entries: dict[str, object] = {f"pod {pod}": [node, now] for pod, node in seen.pods.items()}
        entries |= {f"on {name}": [sorted(nodes), now] for name, nodes in seen.workloads.items()}
        entries |= {f"node {name}": [node, now] for name, node in seen.nodes.items()}
        entries |= {f"rollout {name}": [list(what), now] for name, what in seen.rollouts.items()}
        entries[_NODES] = [len(set(seen.nodes.values())), now]
        old = [
            name for name, raw in self._redis.hgetall(key).items() if orjson.loads(raw)[1] < now - KEPT_S
        ]  # fmt: skip
        pipe = self._redis.pipeline()
        if old:
            pipe.hdel(key, *old)
        pipe.hset(key, mapping={name: orjson.dumps(value) for name, value in entries.items()})
        pipe.expire(key, KEPT_S)
        pipe.execute()

    def find(self, cluster: str, pods: Iterable[str], workloads: Iterable[str], hosts: Iterable[str]) -> Seen:
        """What is known of these. `hosts` are names or addresses of what may be nodes."""
        names = [*(f"pod {p}" for p in pods), *(f"on {w}" for w in workloads),
                 *(f"rollout {w}" for w in workloads), *(f"node {h}" for h in hosts)]  # fmt: skip
        if not names:
            return Seen()
        held = {
            n: orjson.loads(raw)[0]
            for n, raw in zip(names, self._redis.hmget(_PREFIX + cluster, names), strict=True)
            if raw
        }
        of = {kind: {n[len(kind) + 1 :]: v for n, v in held.items() if n.startswith(f"{kind} ")}
              for kind in ("pod", "on", "node", "rollout")}  # fmt: skip
        return Seen(
            pods=of["pod"], nodes=of["node"], workloads={n: frozenset(v) for n, v in of["on"].items()},
            rollouts={n: (str(release), float(began)) for n, (release, began) in of["rollout"].items()},
        )  # fmt: skip

    def count_nodes(self, cluster: str) -> int:
        """How many nodes it has; 0 when nobody looked lately."""
        raw = self._redis.hget(_PREFIX + cluster, _NODES)
        return int(orjson.loads(as_text(raw))[0]) if raw else 0
