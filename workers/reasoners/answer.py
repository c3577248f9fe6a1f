"""Claude's final answer: the arguments of `conclude`, checked, and made into a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.catalogue import Fault, read
from core.diagnosis import Action, ActionKind, Claim, RootCause
from core.mask import mask
from workers.tools.results import clean

CONCLUDE = "conclude"
_MOST_FAULTS = 6


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Claim(_Part):
    text: str = Field(description="One statement in one sentence.")
    evidence: list[str] = Field(description="Ids of the evidence that shows it, as e7.")


class _Cause(_Part):
    condition: str = Field(
        description="The cause in Kubernetes' own word where it has one, as CrashLoopBackOff, OOMKilled, "
        "ImagePullBackOff or NoEndpoints; else a short noun."
    )
    target: str = Field(description="Where the cause is, not where it shows, as Deployment/checkout.")
    namespace: str = Field(description="The target's namespace; empty for cluster-wide ones.")
    statement: str = Field(description="The cause in one sentence.")


class _Matcher(_Part):
    name: str
    value: str


class _Params(_Part):
    replicas: int | None = None
    revision: int | None = None
    matchers: list[_Matcher] | None = None
    duration_minutes: int | None = None
    template: str | None = None
    to: str | None = None
    container: str | None = None
    memory_limit: str | None = None
    cpu_limit: str | None = None


class _Action(_Part):
    kind: ActionKind
    namespace: str = Field(description="Empty for nodes.")
    name: str = Field(description="The object's name without its kind.")
    params: _Params = Field(
        description="scale_deployment: replicas. rollback_deployment, rollback_release: revision, or none for the one "
        "before. silence_alert: matchers with alertname, duration_minutes up to 240. set_resources: container and a "
        "limit. rotate_credentials: template. shift_traffic: template, to. The others: none."
    )


class Conclusion(_Part):
    """Ends the investigation with its result."""

    known: bool = Field(
        description="True when the cause is shown, and when it is shown that nothing is wrong. False: I do not know."
    )
    root_cause: _Cause | None = Field(description="null when nothing is wrong or the cause is not known.")
    confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        description="How probable it is that a careful engineer would confirm this, 0 to 1."
    )
    claims: list[_Claim] = Field(description="What shows it, the most important first, at most six.")
    ruled_out: list[_Claim] = Field(description="What else it could have been, and the evidence against it.")
    look_next: list[str] = Field(description="Where a person should look first, at most three.")
    actions: list[_Action] = Field(description="What would undo the cause; empty when nothing would.")
    runbook: str | None = Field(description="Id of the runbook that applies, if one does.")

    def causes(self) -> RootCause | None:
        cause = self.root_cause if self.known else None
        return RootCause.model_validate(cause.model_dump()) if cause else None

    def proposes(self) -> tuple[Action, ...]:
        """The actions in the catalogue's form; `check` has made sure that they have one."""
        found = [read(_raw(action)) for action in self.actions] if self.causes() else []
        return tuple(action for action in found if isinstance(action, Action))


def check(raw: Mapping[str, Any], secrets: tuple[str, ...]) -> Conclusion | str:
    """The conclusion; or what is wrong with it, to be told to the model. Never raises."""
    try:
        conclusion = Conclusion.model_validate(_washed(dict(raw), secrets))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        return "; ".join(faults[:_MOST_FAULTS])
    checked = [(i, read(_raw(action))) for i, action in enumerate(conclusion.actions)]
    faults = [f"actions.{i}: {fault.why.rstrip('.')}" for i, fault in checked if isinstance(fault, Fault)]
    if conclusion.known and conclusion.root_cause and not any(claim.evidence for claim in conclusion.claims):
        faults.append("claims: a cause needs at least one claim that cites evidence")
    return "; ".join(faults[:_MOST_FAULTS]) if faults else conclusion


def claims(parts: list[_Claim]) -> tuple[Claim, ...]:
    """Claims as the domain has them; whether their evidence exists is judged later."""
    return tuple(Claim(text=part.text, evidence=tuple(dict.fromkeys(part.evidence))) for part in parts)


def _raw(action: _Action) -> dict[str, Any]:
    return {**action.model_dump(exclude={"params"}), "params": action.params.model_dump(exclude_none=True)}


def _washed(value: Any, secrets: tuple[str, ...]) -> Any:
    """Every text in it without invisible characters and secrets, which the model may have copied."""
    if isinstance(value, str):
        return mask(clean(value), secrets)
    if isinstance(value, list):
        return [_washed(each, secrets) for each in value]
    return {k: _washed(v, secrets) for k, v in value.items()} if isinstance(value, dict) else value
