"""Stage five: how far each action reaches, computed; then the policy decides. No model, no guess.

A fact that cannot be read is left out, and without it the policy never allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from core.catalogue import target
from core.diagnosis import Action, BlastRadius, Diagnosis, Proposal, Recall, Subject
from core.errors import ToolError, Unreachable
from core.log import get_logger
from core.observation import Observation
from core.service_map import INGRESS, ServiceMap, service_map
from core.settings import Config, Settings
from policies.decide import load
from workers.ports import Cluster
from workers.reach.groups import Reads
from workers.reach.rollout import deployed_at
from workers.reach.service_map import Place, service_of
from workers.reach.touch import Touch, touched
from workers.standing import Standing

log = get_logger(__name__)

MANUAL = "manual"  # the alert type of what a person asked for
PRODUCTION = "production"  # what a cluster is that nobody described
_SKEW_MINUTES = 1.0  # a rollout this far in the future is a difference of clocks; further, it is unreadable

Facts = dict[str, Any]


def validate(
    actions: tuple[Action, ...], diagnosis: Diagnosis, recall: Recall, observation: Observation, subject: Subject,
    cluster: Cluster | None, settings: Settings, standing: Standing, now: datetime,
) -> tuple[Proposal, ...]:  # fmt: skip
    """Each action with how far it reaches and what the policy says of it. Writes nothing; reads what it needs.

    Args:
        cluster: None when it cannot be asked; then no reach is known, and nothing is allowed.

    Raises: ConfigError when the policy does not compile, which the process's start has ruled out.
    """
    policy = load(settings)
    reads = Reads(cluster) if cluster else None
    shared = _of_the_case(diagnosis, recall, subject, settings.config, standing)
    known = service_map(settings.config, standing.edges, subject.cluster)
    cause = diagnosis.root_cause
    proposals = []
    for action in actions:
        touch = _touch(action, reads) if reads else None
        radius, reach = _reach(touch, observation, subject, settings.config, known) if touch else (None, {})
        age = _age(action, touch, reads, now) if touch and reads else {}
        facts = {**shared, **reach, **age, "namespace_allowed": _is_listed(action, touch, settings.config)}
        proposals.append(
            Proposal(
                action=action,
                target=touch.target if touch else target(action),
                blast_radius=radius,
                reason=cause.statement if cause else next((c.text for c in diagnosis.claims), ""),
                evidence=tuple(dict.fromkeys(each for claim in diagnosis.claims for each in claim.evidence)),
                decision=policy.decide(action, facts),
            )
        )
    return tuple(proposals)


def _of_the_case(diagnosis: Diagnosis, recall: Recall, subject: Subject, config: Config, standing: Standing) -> Facts:
    """The facts that are the same for every action; those that nobody could say are left out."""
    known = config.clusters.get(subject.cluster or "")
    listed = set(standing.alert_types) <= set(config.autonomy.alert_types)
    said = {
        "mode": standing.mode or config.autonomy.mode,
        "paused": standing.paused,
        "in_freeze": standing.in_freeze,
        "actions_taken": standing.actions_taken,
    }
    return {
        "alert_type": ", ".join(standing.alert_types)[:500] or MANUAL,
        "alert_type_enabled": bool(standing.alert_types) and listed,
        "confidence": diagnosis.confidence,
        "evidence_coverage": diagnosis.evidence_coverage,
        "similarity": min(max(recall.similarity, 0.0), 1.0),  # a cosine may be a rounding error outside
        "environment": known.environment if known else PRODUCTION,
        "approval": asdict(standing.approval) if standing.approval else None,
        **{name: value for name, value in said.items() if value is not None},
    }


def _touch(action: Action, reads: Reads) -> Touch | None:
    try:
        return touched(action, reads)
    except (ToolError, Unreachable) as error:
        log.warning("reach_unknown", kind=action.kind, why=str(error))
        return None


def _reach(
    touch: Touch, observation: Observation, subject: Subject, config: Config, known: ServiceMap
) -> tuple[BlastRadius, Facts]:
    """How far it reaches, and whether state is in reach. What the catalogue does not list may keep state."""

    def named(places: Iterable[Place]) -> tuple[set[str], set[str]]:
        """The services at these places, and the places that the catalogue does not list."""
        found = {place: service_of(place, subject.cluster, config) for place in places}
        return {name for name in found.values() if name}, {"/".join(p) for p, name in found.items() if name is None}

    places = {group.place for group in touch.groups}
    services, unlisted = named(places)
    fronts = {f"{place[0]}/{front}" for place, front in touch.fronts if "/".join(place) in unlisted}
    callers, strangers = named(_callers(places, observation))
    asked = services | callers | _on_the_map(unlisted | strangers)
    depending = {*callers, *known.depending_on(asked)} - services
    mapped = {name for name in depending if name in config.services}
    learned = depending - mapped
    fronting = {name for name in learned if f"/{INGRESS}" in name}  # it keeps no state
    strangers |= learned - fronting
    downstream = tuple(sorted(mapped | fronting | strangers - unlisted))
    radius = BlastRadius(pods=touch.pods, services=len(services | fronts), downstream=downstream)
    in_reach = services | mapped
    return radius, {
        "blast_radius": radius.model_dump(mode="json"),
        "stateful": bool(unlisted) or any(g.keeps_data for g in touch.groups) or _keep_state(services, config),
        "downstream_stateful": bool(unlisted | strangers) or _keep_state(mapped, config),
        # A service's own name counts as a tag of it: a team that tagged nothing still means its payments.
        "service_tags": sorted({*in_reach, *(tag for name in in_reach for tag in config.services[name].tags)}),
    }


def _callers(places: set[Place], observation: Observation) -> set[Place]:
    """Who was seen to call these workloads, beside what the service map says."""
    touched_places = {"/".join(place) for place in places}
    calling = {caller for caller, called in observation.calls if called in touched_places}
    return {(namespace, owner) for namespace, _, owner in (each.partition("/") for each in calling)} - places


def _on_the_map(places: Iterable[str]) -> set[str]:
    """What the service map calls workloads that the catalogue does not list: "shop/cron", without the kind."""
    return {f"{namespace}/{owner.partition('/')[2]}" for namespace, _, owner in (p.partition("/") for p in places)}


def _keep_state(services: Iterable[str], config: Config) -> bool:
    return any(config.services[name].state != "none" for name in services)


def _is_listed(action: Action, touch: Touch | None, config: Config) -> bool:
    """Whether every namespace in reach is one where the bot may act; a node that nothing leaves needs one at all."""
    reached = {group.place[0] for group in touch.groups} if touch else set()
    wanted = reached | ({action.namespace} if action.namespace else set())
    if action.kind == "delete_namespace":
        wanted.add(action.name)
    return bool(config.autonomy.namespaces) and wanted <= set(config.autonomy.namespaces)


def _age(action: Action, touch: Touch, reads: Reads, now: datetime) -> Facts:
    """The age of the deploy, if it can be read."""
    try:
        at = deployed_at(action, touch, reads)
    except (ToolError, Unreachable) as error:
        log.warning("deploy_age_unknown", kind=action.kind, why=str(error))
        return {}
    minutes = (now - at).total_seconds() / 60 if at else None
    if minutes is None or minutes < -_SKEW_MINUTES:
        return {}
    return {"deploy_age_minutes": max(minutes, 0.0)}
