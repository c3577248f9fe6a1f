"""Everything that a demonstration needs, on loopback: a Slack, a company or a cluster of yours, and the bot."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from core.records import Records, open_records
from core.redis import release
from core.settings import load_settings
from sandbox.alertmanager.dispatch import Route
from sandbox.company import Company
from sandbox.past_weeks import seed
from sandbox.ports import free_port
from sandbox.processes import Processes
from sandbox.slack import App, SlackServer
from sandbox.slack.state import ON_CALL

CHANNEL, ASKS = "C0SRE", "U0MARIA"
_MANIFEST = Path(__file__).parents[1] / "manifest.yaml"
# Of the caller's environment: what finds programs and homes, and Claude where there is a key.
_KEPT = frozenset({
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY",
    "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "SRE_MODEL", "SRE_EMBEDDING_DIR",
})  # fmt: skip
# And what finds a cluster of the caller's own. No SRE_CONFIG: the bot is in shadow mode, with no context for writing.
_OF_A_CLUSTER = frozenset({
    "KUBECONFIG", "SRE_KUBE_READ_CONTEXT", "PROMETHEUS_URL", "ALERTMANAGER_URL", "LOKI_URL", "TEMPO_URL",
})  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """What is on it. `company` is None where the bot looks at a cluster of the caller's own."""

    slack: SlackServer
    company: Company | None
    records: Records
    bot: Processes


def own_cluster(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with which the bot reads the cluster that the caller's environment names, and writes to none."""
    own = {name: environ[name] for name in _OF_A_CLUSTER if environ.get(name)}
    return own | {"ALERTMANAGER_WEBHOOK_TOKEN": secrets.token_hex(16)}


@contextlib.asynccontextmanager
async def staged(
    folder: Path,
    *,
    speed: float = 1.0,
    alerts: bool = True,
    tenants: int = 0,
    cluster: Mapping[str, str] | None = None,
    port: int = 0,
    furnish: Callable[[SlackServer], None] = lambda slack: None,
    weeks: bool = False,
) -> AsyncIterator[Stage]:
    """Start it all, and end it all with the block. The bot need not be ready yet: see `Stage.bot`.

    Args:
        alerts: Whether the company's Alertmanager tells the bot.
        tenants: How many shops of other merchants the company houses.
        cluster: What `own_cluster` says, to look at that one; None for the pretend company.
        port: Where the pretend Slack listens; 0 takes a free one.
        furnish: Called with the Slack before it starts, to add routes.
        weeks: Whether the pretend company had four weeks before, for digests to tell of.
    """
    async with contextlib.AsyncExitStack() as stack:
        app = App.from_manifest(yaml.safe_load(_MANIFEST.read_text("utf-8"))) if _MANIFEST.exists() else App()
        slack = SlackServer(app=app, port=port)
        furnish(slack)
        stack.push_async_callback(slack.stop)
        await slack.start()
        web = free_port()
        company = None
        if cluster is None:
            company = Company(
                folder,
                speed=speed,
                webhook_url=f"http://127.0.0.1:{web}/webhooks/alertmanager" if alerts else None,
                channel=CHANNEL,
                approver_groups=(ON_CALL,),
                tenants=tenants,
                route=Route(group_by=("namespace", "service")),  # one incident a service
                pagerduty=True,
            )
            stack.push_async_callback(company.stop)
            await company.start()
            if company.pagerduty and alerts:
                company.pagerduty.webhook_url = f"http://127.0.0.1:{web}/webhooks/pagerduty"
        found, operator = dict(cluster or {}), None
        if company:
            found = company.environment()
            operator = {name: found.pop(name) for name in ("KUBECONFIG", "SRE_KUBE_WRITE_CONTEXT")}
            found["KUBECONFIG"] = str(_reader_only(company.kubeconfig))
        environment = {
            **{name: value for name, value in os.environ.items() if name in _KEPT},
            **found,
            "SLACK_API_URL": slack.url, "SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token,
            "SRE_CHANNEL": CHANNEL, "SRE_DATA_DIR": str(folder / "data"), "PORT": str(web),
        }  # fmt: skip
        settings = load_settings(environment)
        # Not in a thread: an interruption must not come between Redis' start and the note to end it.
        records = open_records(settings)
        stack.callback(release, settings, records.redis)
        if weeks and company:
            seed(records)
        bot = Processes(folder, environment, records, operator)
        stack.push_async_callback(bot.stop)
        bot.start()
        yield Stage(slack, company, records, bot)


def _reader_only(kubeconfig: Path) -> Path:
    """A kubeconfig beside this one with the current context alone: reads and writes never meet in one process."""
    content = yaml.safe_load(kubeconfig.read_text("utf-8"))
    contexts = [entry for entry in content["contexts"] if entry["name"] == content["current-context"]]
    users = [entry for entry in content["users"] if entry["name"] == contexts[0]["context"]["user"]]
    path = kubeconfig.with_name("kubeconfig-reader")
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump({**content, "contexts": contexts, "users": users}), encoding="utf-8")
    return path
