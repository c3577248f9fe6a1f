"""The one door: may this action be done, given these facts?"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any

from core import catalogue
from core.diagnosis import Action, Decision, Verdict
from core.errors import Unreachable
from core.settings import Approvers, Settings
from policies import always, engine
from policies.engine import Engine, RegoEngine, Spoken
from policies.files import Rules, described_codes, load_rules
from policies.plain import Malformed, plain

MALFORMED = "malformed"


class Policy:
    """A compiled policy set. Safe to share between threads."""

    def __init__(self, rules: Rules, evaluator: Engine) -> None:
        self._rules = rules
        self._engine = evaluator

    @property
    def hash(self) -> str:
        """SHA-256 over the rules, the limits and the approvers."""
        return self._rules.hash

    @property
    def approval_age_s(self) -> float:
        """How long an approval may be waited for."""
        return float(self._rules.data["limits"]["approval_age_s"])

    def decide(self, action: Action | Mapping[str, Any], facts: Mapping[str, Any]) -> Decision:
        """What may be done: `allow` at once, `ask` a person first, or `deny`. Never raises.

        Facts that are missing or of a wrong type deny. The codes say what stands in the way, sorted; none for `allow`.
        """
        raw = action.model_dump(mode="json") if isinstance(action, Action) else action
        try:
            found, known = catalogue.read(plain(raw)), plain(facts)
        except Malformed:
            return self.refuse(MALFORMED)
        if isinstance(found, catalogue.Fault):
            return self.refuse(found.code)
        spoken = self._engine.evaluate({"action": found.model_dump(mode="json"), "facts": known})
        return self._decision(_with_code(found, known, spoken))

    def publish(self) -> None:
        """Make what evaluates hold this policy set. Safe to repeat. Raises: Unreachable, ConfigError."""
        self._engine.publish()

    def refuse(self, code: str) -> Decision:
        """A denial by this policy."""
        return Decision(verdict="deny", codes=(code,), policy_hash=self.hash)

    def explain(self, code: str) -> str:
        """What a code means, in a sentence for people."""
        return self._sentences.get(code, "A rule of this policy set says so; it describes no reason.")

    @cached_property
    def _sentences(self) -> dict[str, str]:
        return {**described_codes(self._rules), **engine.CODES, **always.CODES}

    def _decision(self, said: Spoken) -> Decision:
        verdict: Verdict = "deny" if said.deny else "ask" if said.ask and not said.approved else "allow"
        codes = () if verdict == "allow" else tuple(sorted(said.deny | said.ask))
        return Decision(verdict=verdict, codes=codes, policy_hash=self.hash)


def _with_code(action: Action, facts: Mapping[str, Any], said: Spoken) -> Spoken:
    """What the rules say, and what is code rather than data."""
    listed = facts.get("service_tags")
    tags = [tag for tag in listed if isinstance(tag, str)] if isinstance(listed, list) else []
    return Spoken(
        deny=said.deny | always.never(action, tags), ask=said.ask | always.person(action, tags), approved=said.approved
    )


def load(settings: Settings, *, publish: bool = False) -> Policy:
    """The policy that these settings name: their approvers, and OPA when OPA_URL is set. Compiled once a process.

    Args:
        publish: Make OPA hold this policy set. For the processes that act; a command must not change what they ask.
            An OPA that does not answer now is published to when it is first asked; until then it denies.

    Raises: ConfigError with file and line when a rule does not compile, here or in OPA.
    """
    held = _compiled(settings.config.approvers, settings.opa_url)
    if publish:
        with suppress(Unreachable):
            held.publish()
    return held


@lru_cache(maxsize=4)
def _compiled(approvers: Approvers, opa_url: str | None) -> Policy:
    rules = load_rules(approvers)
    here = RegoEngine(rules)  # with OPA too: what does not compile stops the start
    if opa_url is None:
        return Policy(rules, here)
    from policies.opa import OpaEngine

    return Policy(rules, OpaEngine(opa_url, rules))
