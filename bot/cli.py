"""The program `sre-bot`: every command by name, loaded when it is called, and the one place where errors end."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NamedTuple

import click

from core.errors import ConfigError, NotFound, SreError, Unreachable


class _Entry(NamedTuple):
    where: str  # "module:attribute", imported only when called: heavy parts make no other command slow
    help: str


COMMANDS: dict[str, _Entry] = {
    "demo": _Entry("sandbox.demo:demo", "A pretend company with the bot in it; needs no account and no key."),
    "web": _Entry("bot.commands.web:web", "The Slack face, the webhooks, health and metrics."),
    "worker": _Entry("workers.commands.processes:worker", "Run jobs of the queues investigate, remediate, notify."),
    "cron": _Entry("workers.commands.processes:cron", "Enqueue what happens by the clock."),
    "doctor": _Entry("workers.commands.doctor:doctor", "Check every connection, permission and setting."),
    "status": _Entry("bot.commands.status:status", "Open incidents and firing alerts, from stored state."),
    "triage": _Entry("workers.commands.loop:triage", "What is wrong in the current kube context: facts, no guesses."),
    "investigate": _Entry("workers.commands.loop:investigate", "The read-only half of the loop, printed."),
    "runbooks": _Entry("workers.commands.runbooks:runbooks", "Index and search the memory."),
    "policy": _Entry("bot.commands.policy:policy", "What the limits say of an action and its facts."),
    "ledger": _Entry("bot.commands.ledger:ledger", "Verify, show and export the black box."),
    "digest": _Entry("workers.commands.digest:digest", "What changed, what broke, what got noisy."),
    "metrics": _Entry("bot.commands.metrics:metrics", "How long incidents take, pages, autonomy, noise and cost."),
    "postmortem": _Entry("workers.commands.postmortem:postmortem", "A draft from ledger, thread and metrics, printed."),
    "eval": _Entry("workers.commands.evaluate:evaluate", "Score the bot on recorded cases of your own."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].where.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else " See sre-bot --help."
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """An on-call engineer that lives in Slack: evidence, cause, confidence and a fix, within seconds.

    Settings come from the environment and from the file that SRE_CONFIG names; `sre-bot doctor` checks them.
    Exit status: 0 done, 1 the answer is no, 2 bad usage, 3 a dependency could not be reached.
    """


def main() -> None:
    """Run one command. Errors are one sentence on standard error; a traceback is a bug."""
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = 2
    except (ConfigError, NotFound) as error:
        status = _say(error, 2)
    except Unreachable as error:
        status = _say(error, 3)
    except SreError as error:
        status = _say(error, 1)
    except (KeyboardInterrupt, click.Abort):
        status = 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status if isinstance(status, int) else 0)


def _say(error: SreError, status: int) -> int:
    click.echo(f"sre-bot: {error}", err=True)
    return status


if __name__ == "__main__":
    main()
