"""The ownership chain: which workload a pod, replica set or job belongs to in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from workers.triage.objects import Key, Obj, controller_of, key_of, labels_of, name_of, namespace_of

# A static pod names its node as controller, but a node does not make pods: such a pod stands for itself.
_NOT_OWNERS = frozenset({"Node"})


class Owners:
    """Follows controllers through the objects that were listed."""

    def __init__(self, listed: Mapping[str, Iterable[Obj]]) -> None:
        """
        Args:
            listed: Objects by their kind, as "ReplicaSet"; kinds that were not read are left out.
        """
        self._known: dict[tuple[str, Key], Obj] = {(k, key_of(o)): o for k, objects in listed.items() for o in objects}

    def top(self, kind: str, obj: Obj) -> str:
        """The top of the chain above this object, as "Deployment/checkout"; itself when nothing owns it."""
        for _ in range(6):  # longer chains do not exist; a loop of references would
            above = controller_of(obj)
            if above is None or above[0] in _NOT_OWNERS:
                break
            parent = self._known.get((above[0], (namespace_of(obj), above[1])))
            if parent is None:
                return self._unlisted(*above, obj)
            kind, obj = above[0], parent
        return f"{kind}/{name_of(obj)}"

    def named(self, kind: str, namespace: str, name: str) -> str:
        """The top of the chain above an object that is known by name only."""
        known = self._known.get((kind, (namespace, name)))
        return self.top(kind, known) if known else f"{kind}/{name}"

    def _unlisted(self, kind: str, name: str, child: Obj) -> str:
        """A deployment names its replica sets after itself and the hash that their pods carry as a label."""
        suffix = f"-{labels_of(child).get('pod-template-hash', '')}"
        if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
            return self.named("Deployment", namespace_of(child), name.removesuffix(suffix))
        return f"{kind}/{name}"
