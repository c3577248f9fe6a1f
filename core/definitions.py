"""What each metric means, in the words that Slack and docs/metrics.md show."""

from __future__ import annotations

DEFINITIONS: tuple[tuple[str, str], ...] = (
    (
        "Incidents",
        "Those opened in the time, by alerts or by people. One that was merged into another is not counted, nor "
        "an anomaly that no alert joined, nor one that ended in maintenance before anybody was told. One that is "
        "still open counts here and in nothing else.",
    ),
    (
        "Time to acknowledge",
        "From opening until a person showed that they had it: acknowledged it in PagerDuty, took command, joined, "
        "set the severity, gave a status or decided on a proposal, whichever came first. Incidents that a person "
        "opened, and those that nobody took up, are not counted.",
    ),
    (
        "Time to diagnose",
        "From opening until I first named a cause with enough confidence. Causes that somebody said were wrong "
        "are not counted.",
    ),
    (
        "Time to repair",
        "From opening until the trouble was over: when the last alert ended, or when a person or a repair that "
        "held ended the incident. One that was reopened counts to its last end.",
    ),
    (
        "Median and 90 %",
        "Half of the incidents took no longer than the median, nine of ten no longer than the second figure. "
        "Below five incidents there is no second figure, and nothing is compared.",
    ),
    (
        "Pages",
        "Times that PagerDuty called a person with high urgency: when an incident there began, was escalated, "
        "handed on or reopened, or when they were added as a responder.",
    ),
    (
        "At night",
        "Pages between 22:00 and 07:00 UTC, or what incidents.night in SRE_CONFIG says.",
    ),
    (
        "Shift",
        "One person's time on call without a break, as PagerDuty's schedules were seen every minute. It counts in "
        "every time that it touches.",
    ),
    (
        "Autonomy",
        "Of the incidents that ended because something was done, the share that an action of mine ended which "
        "nobody had to approve, which was verified, and of which nobody said that something else fixed it.",
    ),
    (
        "Approvals",
        "Proposals that waited for a click, by what became of them: granted, rejected, expired, or superseded by "
        "a newer look or by the incident's end. The wait is from asking to the click that counted.",
    ),
    (
        "Agreement in shadow",
        "Proposals that shadow mode kept back, each action once an incident, held against what people did: what "
        "they said fixed it, else what changed on the same target until 15 minutes after the incident's end. "
        "Agreed is the same action, differed another one, or that it went away by itself; what nothing tells of "
        "is unknown and counts for neither.",
    ),
    (
        "Noise removed",
        "The share of notifications of firing alerts that opened no incident, because they repeated, joined one, "
        "flapped or were silenced. Counted by whole UTC days, for all services together.",
    ),
    (
        "Cost",
        "What the model's tokens cost by its provider's list price. Runbooks cost nothing. Questions outside of "
        "incidents are counted by whole UTC days, and not when one service is asked for.",
    ),
)
