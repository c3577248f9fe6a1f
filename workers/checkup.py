"""The checks of `sre-bot doctor`. None changes anything; each ends in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal

from blocks.anomalies import coverage, worth
from core.anomalies import tally
from core.entitled import nobody
from core.errors import Absent, Refused, SreError
from core.model import Model, utc_now
from core.settings import Settings
from workers.adapters.pagerduty import PagerDutyAdapter
from workers.adapters.slack import SlackAdapter, web_client

State = Literal["ok", "warn", "fail"]
NEEDED_SCOPES = frozenset(
    {
        "app_mentions:read", "chat:write", "commands", "im:history", "assistant:write", "channels:history",
        "groups:history", "channels:read", "groups:read", "users:read",
    }
)  # fmt: skip
_READS = (
    ("", "pods"), ("", "events"), ("", "services"), ("", "endpoints"), ("", "nodes"), ("", "persistentvolumeclaims"),
    ("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets"), ("apps", "daemonsets"),
    ("batch", "jobs"), ("batch", "cronjobs"), ("autoscaling", "horizontalpodautoscalers"),
    ("networking.k8s.io", "ingresses"),
)  # fmt: skip
_WORTH_WEEKS = 4
_MUST_NOT = (("get", "", "secrets"), ("delete", "", "pods"), ("patch", "apps", "deployments"))

_RBAC = "rbac.authorization.k8s.io"
_OPERATOR_MUST_NOT = (
    ("get", "", "secrets"), ("list", "", "secrets"), ("delete", "", "namespaces"), ("create", "", "pods/exec"),
    ("create", _RBAC, "rolebindings"), ("create", _RBAC, "clusterrolebindings"), ("bind", _RBAC, "clusterroles"),
    ("escalate", _RBAC, "clusterroles"), ("impersonate", "", "users"),
)  # fmt: skip


class Check(Model):
    """One line of the doctor's report."""

    name: str
    state: State
    says: str


def checkup(settings: Settings) -> Iterator[Check]:
    """Every check in turn, as it is made."""
    checks: tuple[tuple[str, Callable[[Settings], Iterator[Check]]], ...] = (
        ("Redis", _redis), ("policies", _policies), ("memory", _memory), ("Slack", _slack), ("Kubernetes", _kubernetes),
        ("changes", _changes),
        ("Prometheus", _prometheus), ("Alertmanager", _alertmanager), ("webhook", _webhook), ("Claude", _claude),
        ("PagerDuty", _pagerduty), ("approvers", _approvers), ("operator", _operator),
        ("service map", _service_map), ("anomalies", _anomalies),
    )  # fmt: skip
    for name, check in checks:
        try:
            yield from check(settings)
        except SreError as error:
            yield Check(name=name, state="fail", says=str(error))


def _redis(settings: Settings) -> Iterator[Check]:
    from core.redis import connect, release

    client = connect(settings)
    durable = client.config_get("appendonly").get("appendonly") == "yes"
    where = "REDIS_URL" if settings.redis_url else f"embedded in {settings.data_dir}"
    release(settings, client)
    if durable:
        yield Check(name="Redis", state="ok", says=f"answers ({where}), append-only file on")
    else:
        yield Check(name="Redis", state="warn", says="keeps no append-only file; set `appendonly yes`, or a crash "
                    "loses incidents and ledger entries.")  # fmt: skip


def _policies(settings: Settings) -> Iterator[Check]:
    from policies.decide import load

    policy = load(settings)
    yield Check(name="policies", state="ok", says=f"compile, hash {policy.hash[:12]}")


def _memory(settings: Settings) -> Iterator[Check]:
    from workers.memory import open_memory

    runbooks = open_memory(settings).runbooks()
    yield Check(name="memory", state="ok", says=f"{len(runbooks)} runbooks indexed")


def _slack(settings: Settings) -> Iterator[Check]:
    if not settings.slack_bot_token:
        yield Check(name="Slack", state="warn", says="not connected: set SLACK_BOT_TOKEN (see README, ten minutes).")
        return
    web = web_client(settings)
    answer = web("auth.test")
    yield Check(name="Slack", state="ok", says=f"is {answer['user']} in {answer['team']}")
    missing = NEEDED_SCOPES - set(answer.scopes)
    if answer.scopes and missing:
        yield Check(name="Slack scopes", state="fail", says=f"missing {', '.join(sorted(missing))}; add them in "
                    "the app's settings and reinstall it.")  # fmt: skip
    if settings.slack_app_token:
        web("apps.connections.open", token=settings.slack_app_token.get_secret_value())
        yield Check(name="Socket Mode", state="ok", says="connects")
    elif not settings.slack_signing_secret:
        yield Check(name="Slack", state="fail", says="no way in: set SLACK_APP_TOKEN (Socket Mode) or "
                    "SLACK_SIGNING_SECRET (HTTP).")  # fmt: skip
    yield _channel(settings, web)


def _channel(settings: Settings, web: Any) -> Check:
    channel = settings.channel or settings.config.channels.fallback
    if not channel:
        return Check(name="channel", state="fail", says="set SRE_CHANNEL, or incidents without a service of their own "
                     "have nowhere to go.")  # fmt: skip
    try:
        found = web("conversations.info", channel=channel)["channel"]
    except Refused as error:
        return Check(
            name="channel", state="fail", says=f"{channel} cannot be seen ({error.code}); invite the bot to it."
        )
    if not found.get("is_member"):
        return Check(name="channel", state="fail", says=f"the bot is not in #{found.get('name')}; invite it there.")
    return Check(name="channel", state="ok", says=f"#{found.get('name')}")


def _kubernetes(settings: Settings) -> Iterator[Check]:
    from workers.adapters.kubernetes import open_cluster

    for name in (*settings.config.clusters, None) if not settings.config.clusters else settings.config.clusters:
        label = f"Kubernetes {name}" if name else "Kubernetes"
        try:
            cluster = open_cluster(settings, name)
            version = cluster.get("/version").get("gitVersion")
            unreadable = [f"{resource}" for group, resource in _READS if not cluster.may("list", group, resource)]
            excess = [f"{verb} {resource}" for verb, group, resource in _MUST_NOT if cluster.may(verb, group, resource)]
        except SreError as error:
            yield Check(name=label, state="fail", says=str(error))
            continue
        yield Check(name=label, state="ok", says=f"{cluster.server} answers, {version}")
        if unreadable:
            yield Check(
                name=label, state="warn", says=f"may not list {', '.join(unreadable)}; deploy/rbac has the role."
            )
        if excess:
            yield Check(name=label, state="warn", says=f"the reader may also {', '.join(excess)}; give it less.")


def _changes(settings: Settings) -> Iterator[Check]:
    from workers.changes.checks import checks

    for state, says in checks(settings, utc_now()):
        yield Check(name="changes", state=state, says=says)
    if not settings.deploy_webhook_token:
        yield Check(name="deploy webhook", state="ok", says="refuses every report (DEPLOY_WEBHOOK_TOKEN is not set): "
                    "rollouts are known from the cluster alone.")  # fmt: skip
    else:
        yield Check(
            name="deploy webhook", state="ok", says="POST /webhooks/deploy wants its token or GitHub's signature"
        )


def _prometheus(settings: Settings) -> Iterator[Check]:
    if not settings.prometheus_url:
        yield Check(name="Prometheus", state="warn", says="not set (PROMETHEUS_URL): no error rates, no latency.")
        return
    from workers.adapters.prometheus import Prometheus

    Prometheus(settings.prometheus_url).instant("vector(1)")
    yield Check(name="Prometheus", state="ok", says="answers")


def _alertmanager(settings: Settings) -> Iterator[Check]:
    if not settings.alertmanager_url:
        yield Check(name="Alertmanager", state="warn", says="not set (ALERTMANAGER_URL): firing alerts are known from "
                    "webhooks only.")  # fmt: skip
        return
    from workers.adapters.alertmanager import Alertmanager

    firing = Alertmanager(settings.alertmanager_url).firing()
    yield Check(name="Alertmanager", state="ok", says=f"answers, {len(firing)} alerts firing")


def _webhook(settings: Settings) -> Iterator[Check]:
    if settings.alertmanager_webhook_token:
        yield Check(name="webhook", state="ok", says="POST /webhooks/alertmanager wants its bearer token")
    else:
        yield Check(name="webhook", state="warn", says="refuses every alert until ALERTMANAGER_WEBHOOK_TOKEN is set.")


def _claude(settings: Settings) -> Iterator[Check]:
    if not settings.anthropic_api_key:
        yield Check(name="Claude", state="ok", says="no key (ANTHROPIC_API_KEY): runbooks reason alone")
        return
    from workers.reasoners.claude import check_access

    check_access(settings)
    yield Check(name="Claude", state="ok", says=f"{settings.model} answers")


def _pagerduty(settings: Settings) -> Iterator[Check]:
    """Whether it can be told and heard, in whose name the bot acts there, and whether the services exist."""
    if not settings.pagerduty_api_key:
        yield Check(name="PagerDuty", state="ok", says="not connected (PAGERDUTY_API_KEY): nobody is paged by the bot, "
                    "and who is on call is not known.")  # fmt: skip
    else:
        yield from _pagerduty_account(settings)
    if settings.pagerduty_webhook_secret:
        yield Check(name="PagerDuty webhook", state="ok", says="POST /webhooks/pagerduty wants PagerDuty's signature")
    elif settings.pagerduty_api_key:
        yield Check(name="PagerDuty webhook", state="warn", says="refuses every event until PAGERDUTY_WEBHOOK_SECRET "
                    "is set, so what happens in PagerDuty is not seen here (docs/pagerduty.md).")  # fmt: skip


def _pagerduty_account(settings: Settings) -> Iterator[Check]:
    pagerduty = PagerDutyAdapter(settings)
    pagerduty.check()
    yield Check(name="PagerDuty", state="ok", says="answers")
    address = settings.pagerduty_from
    if address is None:
        yield Check(name="PagerDuty", state="warn", says="set PAGERDUTY_FROM to the e-mail address of a PagerDuty "
                    "user: the bot writes notes in that name.")  # fmt: skip
    elif pagerduty.user_by_email(address) is None:
        yield Check(name="PagerDuty", state="fail", says=f"knows no user {address}; correct PAGERDUTY_FROM.")
    known = {name: s.pagerduty for name, s in settings.config.services.items() if s.pagerduty}
    if not known:
        yield Check(name="PagerDuty", state="warn", says="no service has services.….pagerduty in SRE_CONFIG, so its "
                    "incidents go to the channel for everything, and nobody is known to be on call.")  # fmt: skip
    for name, service_id in known.items():
        try:
            pagerduty.service_name(service_id)
        except Absent:
            yield Check(name="PagerDuty", state="fail", says=f"has no service {service_id}; correct "
                        f"services.{name}.pagerduty.")  # fmt: skip


def _on_call_approves(settings: Settings) -> Check:
    """Whether "whoever is on call" means somebody: PagerDuty says who, Slack says who they are here."""
    name, known = "approvers on call", {n: s.pagerduty for n, s in settings.config.services.items() if s.pagerduty}
    if not settings.pagerduty_api_key or not known:
        return Check(name=name, state="fail", says="on_call entitles nobody, since who is on call is not known: set "
                     "PAGERDUTY_API_KEY, and services.….pagerduty in SRE_CONFIG.")  # fmt: skip
    people = {shift.who.id: shift.who for found in PagerDutyAdapter(settings).on_call(known, utc_now())
              for shift in found.now}  # fmt: skip
    if not people:
        return Check(name=name, state="warn", says="nobody is on call now in PagerDuty, so nobody is entitled by it.")
    slack = SlackAdapter(settings)
    try:
        strangers = [who.name for who in people.values() if not (who.email and slack.user_by_email(who.email))]
    except Refused as error:
        return Check(name=name, state="fail", says=f"who is on call cannot be told in Slack ({error.code}); add the "
                     "optional scope users:read.email and reinstall the app.")  # fmt: skip
    if strangers:
        return Check(name=name, state="warn", says=f"{', '.join(strangers)} cannot be found in Slack by the e-mail "
                     "address that PagerDuty has, and so cannot approve.")  # fmt: skip
    return Check(name=name, state="ok", says=f"now {', '.join(who.name for who in people.values())}")


def _operator(settings: Settings) -> Iterator[Check]:
    """Whether there is somebody to repair, and not with more power than that takes."""
    clusters = settings.config.clusters
    if not settings.kube_write_context and not any(each.write_context for each in clusters.values()):
        yield Check(name="operator", state="warn", says="has no credentials (SRE_KUBE_WRITE_CONTEXT or "
                    "clusters.….write_context), so the bot can only propose.")  # fmt: skip
        return
    for name in clusters or (None,):
        label = f"operator {name}" if name else "operator"
        try:
            yield from _power(settings, name, label)
        except SreError as error:
            yield Check(name=label, state="fail", says=str(error))


def _power(settings: Settings, name: str | None, label: str) -> Iterator[Check]:
    from workers.adapters.kubernetes import open_as_operator

    cluster = open_as_operator(settings, name)
    namespaces = settings.config.autonomy.namespaces
    excess = [
        f"{verb} {resource}"
        for verb, group, resource in _OPERATOR_MUST_NOT
        if any(cluster.may(verb, group, resource, namespace) for namespace in ("", *namespaces))
    ]
    powerless = [name for name in namespaces if not cluster.may("patch", "apps", "deployments", name)]
    yield Check(name=label, state="ok", says=f"{cluster.server} answers; it may act in {_names(namespaces)}")
    if excess:
        yield Check(name=label, state="warn", says=f"may also {', '.join(excess)}; give it deploy/rbac/operator.yaml "
                    "and no more.")  # fmt: skip
    if powerless:
        yield Check(name=label, state="warn", says=f"may not patch deployments in {', '.join(powerless)}; "
                    "deploy/rbac/operator.yaml has the role.")  # fmt: skip


def _names(namespaces: Sequence[str]) -> str:
    return ", ".join(namespaces) or "no namespace (autonomy.namespaces in SRE_CONFIG lists none)"


def _approvers(settings: Settings) -> Iterator[Check]:
    who = settings.config.approvers
    if nobody(who):
        yield Check(name="approvers", state="warn", says="nobody is configured (approvers in SRE_CONFIG), so nothing "
                    "can be approved.")  # fmt: skip
        return
    yield Check(name="approvers", state="ok", says=f"mode {settings.config.autonomy.mode}")
    if who.on_call:
        yield _on_call_approves(settings)
    if who.groups and settings.slack_bot_token:
        web = web_client(settings)
        for group in who.groups:
            yield _group(group, web)


def _group(group: str, web: Any) -> Check:
    try:
        members = web("usergroups.users.list", usergroup=group)["users"]
    except Refused as error:
        says = {
            "missing_scope": "cannot be read; add the optional scope usergroups:read and reinstall the app, or name "
                             "people in approvers.users.",
            "no_such_subteam": "is no user group of this workspace; correct approvers.groups in SRE_CONFIG.",
        }  # fmt: skip
        return Check(
            name=f"approvers {group}", state="fail", says=says.get(error.code, f"cannot be read ({error.code}).")
        )
    if not members:
        return Check(name=f"approvers {group}", state="warn", says="has no members, so nobody of it can approve.")
    return Check(name=f"approvers {group}", state="ok", says=f"{len(members)} members")


def _service_map(settings: Settings) -> Iterator[Check]:
    from core.records import open_records
    from core.redis import release
    from workers.checkup_map import said_of_map

    records = open_records(settings)
    try:
        for is_well, says in said_of_map(records):
            yield Check(name="service map", state="ok" if is_well else "warn", says=says)
    finally:
        release(settings, records.redis)


def _anomalies(settings: Settings) -> Iterator[Check]:
    """What is watched without rules, what is not and why, and what findings were worth."""
    from core.records import open_records
    from core.redis import release

    if not settings.config.anomalies.enabled:
        yield Check(name="anomalies", state="ok", says="off (anomalies.enabled in SRE_CONFIG)")
        return
    records = open_records(settings)
    try:
        now, held = records.now(), records.baselines.all()
        since = now - timedelta(weeks=_WORTH_WEEKS)
        said = worth(tally(a for a in records.anomalies.between(since, now) if a.began >= since), _WORTH_WEEKS)
    finally:
        release(settings, records.redis)
    if not held:
        yield Check(
            name="anomalies", state="ok", says="nothing learned yet; within hours of a start with PROMETHEUS_URL"
        )
        return
    yield Check(name="anomalies", state="ok" if any(not b.off for b in held) else "warn", says=coverage(held))
    if said:
        yield Check(name="anomalies", state="ok", says=said)
