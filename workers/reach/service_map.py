"""The service map: which catalogue service a workload belongs to, and who depends on it."""

from __future__ import annotations

from collections.abc import Iterable

from core.settings import Config, Service

Place = tuple[str, str]  # namespace and owner: ("shop", "Deployment/checkout")


def service_of(place: Place, cluster: str | None, config: Config) -> str | None:
    """The catalogue name of the service that runs there; None when the catalogue does not list it."""
    namespace, owner = place
    for name, service in config.services.items():
        if owner in service.workloads and service.namespace in (None, namespace) and _may_be_in(cluster, service):
            return name
    return None


def depending_on(services: Iterable[str], config: Config) -> tuple[str, ...]:
    """The services that depend on any of these, directly or through others, sorted; these themselves are left out."""
    given = set(services)
    found: set[str] = set()
    new = set(given)
    while new:
        new = {name for name, service in config.services.items() if new & set(service.depends_on)} - found - given
        found |= new
    return tuple(sorted(found))


def _may_be_in(cluster: str | None, service: Service) -> bool:
    return service.cluster is None or cluster is None or service.cluster == cluster
