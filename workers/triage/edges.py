"""Rules about what calls services from outside: ingresses and admission webhooks."""

from __future__ import annotations

from collections.abc import Iterator

from workers.triage.draft import Draft, events_source, object_source
from workers.triage.grace import SETTLE_S, is_starting
from workers.triage.networking import answers, selected
from workers.triage.objects import Obj, age_s, created_at, is_leaving, listed, name_of, namespace_of, spec_of
from workers.triage.snapshot import Snapshot

_WEBHOOKS = (
    ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration"),
    ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
)
# The AWS controller's way to say that an annotation, not a service, decides.
_BY_ANNOTATION = "use-annotation"


def ingress_findings(snap: Snapshot) -> Iterator[Draft]:
    """Ingresses that send requests to a service or a port that is not there."""
    if not snap.complete("services"):
        return
    for ingress in snap.all("ingresses"):
        if is_leaving(ingress) or age_s(ingress, snap.now) <= SETTLE_S:
            continue
        namespace = namespace_of(ingress)
        missing = list(dict.fromkeys(w for b in _backends(ingress) if (w := _missing(b, namespace, snap))))
        if missing:
            yield Draft(
                condition="IngressBackendMissing", severity="critical", kind="Ingress", namespace=namespace,
                name=name_of(ingress), owner=snap.owners.top("Ingress", ingress), message="; ".join(missing[:3]),
                since=created_at(ingress),
                sources=(
                    object_source(snap, "Ingress", ingress, spec=spec_of(ingress)),
                    *events_source(snap, "Ingress", ingress),
                ),
            )  # fmt: skip


def _backends(ingress: Obj) -> Iterator[tuple[str, Obj]]:
    """Where requests come in, as "shop.example/cart", and the backend that they are sent to."""
    spec = spec_of(ingress)
    default = spec.get("defaultBackend") or spec.get("backend")
    if default:
        yield "everything else", default
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            yield f"{rule.get('host') or '*'}{path.get('path') or '/'}", path.get("backend") or {}


def _missing(backend: tuple[str, Obj], namespace: str, snap: Snapshot) -> str | None:
    """What is missing of one backend, in both forms that the API has had; None when all is there."""
    where, said = backend
    service = said.get("service") or {}
    name = service.get("name") or said.get("serviceName")
    port = (
        (service.get("port") or {}).get("number") or (service.get("port") or {}).get("name") or said.get("servicePort")
    )
    if not name or port == _BY_ANNOTATION:
        return None
    found = snap.find("services", namespace, name)
    if found is None:
        return f"{where} is sent to service {name}, which does not exist"
    ports = spec_of(found).get("ports") or ()
    known = [value for p in ports for value in (p.get("port"), p.get("name")) if value]
    if port and ports and port not in known and str(port) not in map(str, known):
        return f"{where} is sent to port {port} of service {name}, which has {listed(map(str, known))}"
    return None


def webhook_findings(snap: Snapshot) -> Iterator[Draft]:
    """Admission webhooks that nobody answers: with failurePolicy Fail, nothing they watch can be created."""
    if not snap.complete("services", "endpoints"):
        return
    for resource, kind in _WEBHOOKS:
        for config in snap.all(resource):
            if is_leaving(config) or age_s(config, snap.now) <= SETTLE_S:
                continue
            dead = [(hook, why) for hook in config.get("webhooks") or () if (why := _unanswered(hook, snap))]
            if dead:
                # The API's default is Fail.
                fails = any(hook.get("failurePolicy", "Fail") == "Fail" for hook, _ in dead)
                yield Draft(
                    condition="WebhookUnavailable", severity="critical" if fails else "warning", kind=kind,
                    namespace="", name=name_of(config), owner=f"{kind}/{name_of(config)}",
                    message="; ".join(dict.fromkeys(why for _, why in dead)), since=created_at(config),
                    sources=(object_source(snap, kind, config, webhooks=[_shown(hook) for hook, _ in dead]),),
                )  # fmt: skip


def _unanswered(hook: Obj, snap: Snapshot) -> str | None:
    called = (hook.get("clientConfig") or {}).get("service") or {}
    namespace, name = str(called.get("namespace") or ""), str(called.get("name") or "")
    if not name or not snap.covers(namespace):
        return None
    service = snap.find("services", namespace, name)
    if service is None:
        return f"webhook {hook.get('name')} calls service {namespace}/{name}, which does not exist"
    if answers(service, snap) or any(is_starting(pod, snap.now) for pod in selected(service, snap)):
        return None
    return f"webhook {hook.get('name')} calls service {namespace}/{name}, behind which no pod is ready"


def _shown(hook: Obj) -> Obj:
    called = (hook.get("clientConfig") or {}).get("service")
    return {"name": hook.get("name"), "service": called, "failurePolicy": hook.get("failurePolicy")}
