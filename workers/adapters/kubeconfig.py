"""Where a Kubernetes API is and how to log in to it: from kubeconfig files, or from inside the cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from core.settings import Cluster, Settings

if TYPE_CHECKING:
    from kubernetes.client import Configuration

IN_CLUSTER = "in-cluster"  # the name of the context that a pod's own service account stands for
_IN_CLUSTER_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


def read_context(settings: Settings, cluster: str | None) -> str | None:
    """The kube context for reading a cluster of the catalogue, or None for the current one.

    Raises: ConfigError when the catalogue has no such cluster.
    """
    entry = _entry(settings, cluster)
    if cluster is None:
        return settings.kube_read_context or (entry.read_context if entry else None)
    return (entry.read_context if entry else None) or settings.kube_read_context


def write_context(settings: Settings, cluster: str | None) -> str:
    """The kube context for repairing a cluster. It has to be named: nothing is ever written by whatever is current.

    Raises: ConfigError when none is named.
    """
    entry = _entry(settings, cluster)
    own = entry.write_context if entry else None
    found = (settings.kube_write_context or own) if cluster is None else (own or settings.kube_write_context)
    if not found:
        where = f"clusters.{cluster}.write_context in SRE_CONFIG" if cluster else "SRE_KUBE_WRITE_CONTEXT"
        raise ConfigError(f"There is no kube context to repair with; set {where} to the operator's context.")
    return found


def _entry(settings: Settings, cluster: str | None) -> Cluster | None:
    """The catalogue's cluster of that name, or its only one."""
    clusters = settings.config.clusters
    if cluster is None:
        return next(iter(clusters.values())) if len(clusters) == 1 else None
    if cluster not in clusters:
        known = ", ".join(sorted(clusters)) or "none"
        raise ConfigError(f"There is no cluster {cluster!r} under clusters in SRE_CONFIG; it has: {known}.")
    return clusters[cluster]


def load(kubeconfig: str | None, context: str | None) -> tuple[str, Configuration]:
    """The name of the context and the client's configuration for it; connects to nothing.

    Args:
        kubeconfig: One or several files, separated as in PATH. Without it ~/.kube/config, and without that file the
            service account of the pod that this runs in.

    Raises: ConfigError with one sentence that names the file or the context.
    """
    from kubernetes.client import Configuration

    configuration = Configuration()
    if kubeconfig is None and not _home().is_file() and _IN_CLUSTER_TOKEN.is_file():
        return IN_CLUSTER, _in_cluster(configuration)
    paths = _existing(kubeconfig)
    contexts, current = _contexts(paths)
    wanted = context or current
    if not wanted:
        raise ConfigError(f"{paths[0]} has no current-context; set SRE_KUBE_READ_CONTEXT to one of: {_list(contexts)}.")
    if wanted not in contexts:
        raise ConfigError(f"{paths[0]} has no context {wanted!r}; it has: {_list(contexts)}.")
    return wanted, _from_files(configuration, paths, wanted)


def _home() -> Path:
    return Path.home() / ".kube/config"


def _list(names: list[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _existing(kubeconfig: str | None) -> list[Path]:
    paths = [Path(p).expanduser() for p in kubeconfig.split(os.pathsep) if p] if kubeconfig else [_home()]
    found = [p for p in paths if p.is_file()]
    if not found:
        name = str(paths[0]) if kubeconfig and paths else "KUBECONFIG is not set and ~/.kube/config"
        raise ConfigError(f"{name} does not exist; set KUBECONFIG to the kubeconfig of the cluster to watch.")
    return found


def _contexts(paths: list[Path]) -> tuple[list[str], str | None]:
    """The names of all contexts, and the current one: as kubectl, the first file that has one decides."""
    import yaml

    names: list[str] = []
    current: str | None = None
    for path in paths:
        try:
            content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"The kubeconfig {path} cannot be read: {error.strerror}.") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"The kubeconfig {path} is not valid YAML; write it again.") from error
        if not isinstance(content, dict) or not isinstance(content.get("contexts"), list):
            raise ConfigError(f"{path} is not a kubeconfig: it has no list of contexts.")
        names += [str(c["name"]) for c in content["contexts"] if isinstance(c, dict) and "name" in c]
        current = current or content.get("current-context")
    return names, current


def _from_files(configuration: Configuration, paths: list[Path], context: str) -> Configuration:
    from kubernetes.config import ConfigException, kube_config

    untyped: Any = kube_config
    try:
        merged = untyped.KubeConfigMerger(os.pathsep.join(map(str, paths)))
        loader = untyped.KubeConfigLoader(merged.config, active_context=context)
        user = _named(merged.config.value.get("users"), loader.current_context["context"].get("user"))
        loader.load_and_set(configuration)
    except (ConfigException, LookupError, TypeError, ValueError, AttributeError, OSError) as error:
        reason = str(error) if isinstance(error, ConfigException) else "a part of it is malformed"
        raise ConfigError(f"Context {context!r} of {paths[0]} is not usable: {reason.strip('. ')}.") from error
    if not str(configuration.host).startswith(("https://", "http://")):
        raise ConfigError(
            f"The server of context {context!r} in {paths[0]} is not an address; write https://host:port."
        )
    # The client only logs it when a credential plugin fails, and then asks as nobody.
    if "exec" in user and not configuration.api_key and not configuration.cert_file:
        command = user["exec"].get("command")
        raise ConfigError(
            f"The credential plugin {command!r} of context {context!r} failed; run it by hand to see why."
        )
    return configuration


def _named(users: Any, name: str | None) -> dict[str, Any]:
    """The user section of that name; empty when there is none."""
    nodes = [getattr(u, "value", u) for u in users or []]
    return next((n.get("user") or {} for n in nodes if n.get("name") == name), {})


def _in_cluster(configuration: Configuration) -> Configuration:
    from kubernetes.config import ConfigException, incluster_config

    untyped: Any = incluster_config
    try:
        untyped.load_incluster_config(client_configuration=configuration)
    except (ConfigException, OSError) as error:
        raise ConfigError("The pod's service account is not usable; mount its token, or set KUBECONFIG.") from error
    return configuration
