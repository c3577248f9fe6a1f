"""Settings: built once by each process's entry, from the environment and the file that SRE_CONFIG names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from core.anomaly_settings import AnomalyRules
from core.backstage import read_catalogue
from core.digest_settings import DigestTime
from core.errors import ConfigError
from core.grouping_settings import Grouping, Maintenance
from core.incident_settings import IncidentRules


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cluster(_Section):
    read_context: str | None = None
    write_context: str | None = None
    prometheus: str | None = None
    environment: str = "production"


class Service(_Section):
    cluster: str | None = None
    namespace: str | None = None
    workloads: tuple[str, ...] = ()  # "Deployment/checkout"
    channel: str | None = None
    pagerduty: str | None = None
    depends_on: tuple[str, ...] = ()
    state: Literal["none", "memory", "persistent"] | None = None  # None: nobody said, so nothing may assume it
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()  # Slack user groups
    repository: str | None = None  # "acme/checkout", whose deployments on GitHub are this service's


class Channels(_Section):
    fallback: str | None = None
    digests: dict[str, DigestTime] = {}


class Approvers(_Section):
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    on_call: bool = False
    four_eyes: tuple[str, ...] = ()


class Autonomy(_Section):
    mode: Literal["shadow", "assist", "autonomous"] = "shadow"
    alert_types: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    settle_s: int = Field(default=300, ge=1, le=3600)  # how long what was done is watched before it counts as held
    cooldown_s: int = Field(default=600, ge=0, le=86_400)  # how long a service is left alone after each action


class Retention(_Section):
    """For how many days what is over is kept; the ledger is trimmed only after an export."""

    incidents: int = Field(default=400, ge=30)  # with their investigations, remediations and messages
    firings: int = Field(default=100, ge=35)  # noise is compared over four weeks
    changes: int = Field(default=120, ge=7)


class Config(_Section):
    """The SRE_CONFIG file. Every key is optional; an unknown one is an error that names it."""

    clusters: dict[str, Cluster] = {}
    services: dict[str, Service] = {}
    backstage: tuple[Path, ...] = ()  # catalog-info.yaml files, and folders of them, relative to this file
    channels: Channels = Channels()
    approvers: Approvers = Approvers()
    autonomy: Autonomy = Autonomy()
    grouping: Grouping = Grouping()
    incidents: IncidentRules = IncidentRules()
    maintenance: tuple[Maintenance, ...] = ()
    anomalies: AnomalyRules = AnomalyRules()
    retention: Retention = Retention()


class Settings(BaseModel):
    """Everything a process needs to know; secrets print as stars."""

    model_config = ConfigDict(frozen=True)

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    model: str = "claude-sonnet-5-5"
    redis_url: str | None = None
    qdrant_url: str | None = None
    qdrant_path: Path | None = None
    kubeconfig: str | None = None
    kube_read_context: str | None = None
    kube_write_context: str | None = None
    prometheus_url: str | None = None
    alertmanager_url: str | None = None
    loki_url: str | None = None
    tempo_url: str | None = None
    pagerduty_api_key: SecretStr | None = None
    pagerduty_api_url: str = "https://api.pagerduty.com"
    pagerduty_from: str | None = None
    pagerduty_webhook_secret: SecretStr | None = None
    alertmanager_webhook_token: SecretStr | None = None
    deploy_webhook_token: SecretStr | None = None  # bearer token, and GitHub's webhook secret
    opa_url: str | None = None
    channel: str | None = None
    port: int = 8080
    embedding_dir: Path | None = None
    data_dir: Path
    config: Config = Config()

    @property
    def memory_path(self) -> Path:
        """The folder of the embedded memory."""
        return self.qdrant_path or self.data_dir / "memory"

    def secrets(self) -> tuple[str, ...]:
        """The values that must appear in no log, message, ledger or prompt."""
        values = (getattr(self, name) for name in type(self).model_fields)
        held = tuple(v.get_secret_value() for v in values if isinstance(v, SecretStr))
        several = self.pagerduty_webhook_secret.get_secret_value() if self.pagerduty_webhook_secret else ""
        return held + tuple(part.strip() for part in several.split(",") if "," in several and part.strip())


_NAMES = {
    "SRE_MODEL": "model",
    "SRE_KUBE_READ_CONTEXT": "kube_read_context",
    "SRE_KUBE_WRITE_CONTEXT": "kube_write_context",
    "SRE_CHANNEL": "channel",
    "SRE_EMBEDDING_DIR": "embedding_dir",
    "SRE_DATA_DIR": "data_dir",
} | {
    name.upper(): name
    for name in (
        "slack_bot_token", "slack_app_token", "slack_signing_secret", "slack_api_url", "anthropic_api_key",
        "anthropic_base_url", "redis_url", "qdrant_url", "qdrant_path", "kubeconfig", "prometheus_url",
        "alertmanager_url", "loki_url", "tempo_url", "pagerduty_api_key", "pagerduty_api_url", "pagerduty_from",
        "pagerduty_webhook_secret", "alertmanager_webhook_token", "deploy_webhook_token", "opa_url", "port",
    )
}  # fmt: skip


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from environment variables and the file in SRE_CONFIG; an empty variable counts as unset.

    Raises: ConfigError with one sentence that names the variable or key.
    """
    values: dict[str, Any] = {field: environ[name] for name, field in _NAMES.items() if environ.get(name)}
    if "data_dir" not in values:
        share = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME") or "/var/lib") / ".local/share")
        values["data_dir"] = Path(share) / "sre-bot"
    if environ.get("SRE_CONFIG"):
        values["config"] = load_config(Path(environ["SRE_CONFIG"]))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        name = next((n for n, f in _NAMES.items() if f == field), field)
        raise ConfigError(f"{name} is not usable: {error.errors()[0]['msg']}.") from error


def load_config(path: Path) -> Config:
    """The configuration file, checked.

    Raises: ConfigError with one sentence that names the file and the key.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"SRE_CONFIG names {path}, which cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path} is not valid YAML{where}; correct it.") from error
    config = _validated(content, path)
    if config.backstage:
        config = _with_backstage(config, content, path)
    _check_names(config, path)
    return config


def _check_names(config: Config, path: Path) -> None:
    """Raises: ConfigError when one part of the file names what another does not have."""
    for name, service in config.services.items():
        for needed in service.depends_on:
            if needed not in config.services:
                raise ConfigError(f"{path}: services.{name}.depends_on names {needed!r}, which is not a service here.")
        if service.cluster and service.cluster not in config.clusters:
            raise ConfigError(f"{path}: services.{name}.cluster is {service.cluster!r}, which is not under clusters.")
        for workload in service.workloads:
            if not re.fullmatch(r"[A-Z][A-Za-z]+/[a-z0-9.-]+", workload):
                raise ConfigError(f"{path}: services.{name}.workloads: write {workload!r} as Kind/name.")
    for channel, digest in config.channels.digests.items():
        for name in digest.services:
            if name not in config.services:
                raise ConfigError(
                    f"{path}: channels.digests.{channel}.services names {name!r}, which is not under services."
                )
    for window in config.maintenance:
        if window.service and window.service not in config.services:
            raise ConfigError(f"{path}: maintenance names {window.service!r}, which is not under services.")
        if window.cluster and window.cluster not in config.clusters:
            raise ConfigError(f"{path}: maintenance names {window.cluster!r}, which is not under clusters.")


def _validated(content: object, path: Path) -> Config:
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]") or "the file"
        said = first["msg"].removeprefix("Value error, ").rstrip(".")
        what = "is not a known key" if first["type"] == "extra_forbidden" else f"is wrong: {said}"
        raise ConfigError(f"{path}: {key} {what}.") from error


def _with_backstage(config: Config, content: Any, path: Path) -> Config:
    """The configuration with Backstage's services; what is written here of one goes before what stands there."""
    files = tuple(path.parent / each for each in config.backstage)
    found = read_catalogue(files, config.clusters).services
    written = {name: service.model_dump(exclude_unset=True) for name, service in config.services.items()}
    services = {name: {**found.get(name, {}), **written.get(name, {})} for name in (*written, *found)}
    return _validated({**content, "services": services, "backstage": files}, path)
