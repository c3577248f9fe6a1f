"""Which catalogue service a workload belongs to. Who depends on it, `core.service_map` says."""

from __future__ import annotations

from core.settings import Config, Service

Place = tuple[str, str]  # namespace and owner: ("shop", "Deployment/checkout")


def service_of(place: Place, cluster: str | None, config: Config) -> str | None:
    """The catalogue name of the service that runs there; None when the catalogue does not list it."""
    namespace, owner = place
    for name, service in config.services.items():
        if owner in service.workloads and service.namespace in (None, namespace) and _may_be_in(cluster, service):
            return name
    return None


def _may_be_in(cluster: str | None, service: Service) -> bool:
    return service.cluster is None or cluster is None or service.cluster == cluster
