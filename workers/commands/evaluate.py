"""`sre-bot eval`: how good the bot is on recorded cases of your own."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click
import yaml
from pydantic import ValidationError

from core.diagnosis import Diagnosis, Investigation
from core.errors import ConfigError
from core.log import configure_logging
from core.model import Model, Moment, utc_now
from core.settings import load_settings
from workers.world import Outside

Outcome = Literal["right", "wrong", "unknown", "false alarm"]


class Expected(Model):
    condition: str
    target: str | None = None  # any, when left out


class RecordedCase(Model):
    """`case.yaml` beside the recorded objects."""

    question: str
    namespace: str | None = None
    at: Moment | None = None  # when it was recorded; the file's own time without it
    expect: Expected | None = None  # nothing is wrong


@click.command("eval")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def evaluate(folder: Path, as_json: bool) -> None:
    """Score the bot on recorded cases: each folder below DIR with a case.yaml is one.

    A case holds `kubectl get … -A -o json` files and what the answer should be (docs/evaluation.md).
    """
    from workers.wiring import open_outside

    settings = load_settings(os.environ)
    configure_logging(settings.secrets(), level=30)
    cases = sorted(path.parent for path in folder.rglob("case.yaml"))
    if not cases:
        raise ConfigError(f"{folder} holds no case.yaml; docs/evaluation.md says how to record a case.")
    results = []
    outside = open_outside(settings)
    for case in cases:
        result = _play(case, outside)
        results.append(result)
        if not as_json:
            click.echo(f"{result['outcome']:11} {case.relative_to(folder)}: {result['said']}")
    counts = {name: sum(r["outcome"] == name for r in results) for name in ("right", "wrong", "unknown", "false alarm")}
    if as_json:
        click.echo(json.dumps({"cases": results, **counts}))
    else:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()) + f" of {len(results)}.")


def _play(folder: Path, outside: Outside) -> dict[str, Any]:
    from workers.adapters.recorded import RecordedCluster
    from workers.loop.run import Quiet, run
    from workers.subjects import subject_of

    case = _read(folder / "case.yaml")
    at = case.at or utc_now()
    recorded = RecordedCluster(folder)
    outside = replace(outside, cluster=lambda _: recorded, metrics=lambda _: None, alerts=None)
    subject = subject_of(case.question, outside.settings.config, case.namespace)
    done = run(Investigation(id="INV-0", subject=subject, started_at=at), outside, Quiet(), lambda: at)
    if done.diagnosis is None:
        raise RuntimeError("the loop ended without a diagnosis")
    cause = done.diagnosis.root_cause
    return {
        "case": folder.name,
        "outcome": score(done.diagnosis, case.expect),
        "said": cause.statement if cause else "no cause",
        "confidence": done.diagnosis.confidence,
    }


def score(diagnosis: Diagnosis, expect: Expected | None) -> Outcome:
    """How the answer compares with what was expected."""
    cause = diagnosis.root_cause
    if expect is None:
        return "right" if cause is None else "false alarm"
    if cause is None:
        return "unknown"
    same = cause.condition == expect.condition and expect.target in (None, cause.target)
    return "right" if same else "wrong"


def _read(path: Path) -> RecordedCase:
    try:
        return RecordedCase.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML; correct it.") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(
            f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'} is wrong: {first['msg']}."
        ) from error
