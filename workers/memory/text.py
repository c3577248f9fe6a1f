"""Alerts and runbooks as words: identifiers split, short forms spelled out, what differs with each firing left out."""

from __future__ import annotations

import re

ASKED_CHARS = 2000  # of a question; the model reads some 1,000 of them

# How alert names shorten what runbooks spell out. Only forms that mean one thing wherever Kubernetes runs.
_SPELLED = {
    "kube": "kubernetes", "k8s": "kubernetes", "apiserver": "api server", "statefulset": "stateful set",
    "daemonset": "daemon set", "replicaset": "replica set", "configmap": "config map", "cronjob": "cron job",
    "pv": "persistent volume", "pvc": "persistent volume claim", "persistentvolume": "persistent volume",
    "persistentvolumeclaim": "persistent volume claim", "pdb": "pod disruption budget",
    "hpa": "horizontal pod autoscaler", "svc": "service", "oom": "out of memory", "oomkilled": "out of memory killed",
    "crashloop": "crash loop", "crashlooping": "crash looping", "crashloopbackoff": "crash loop back off",
    "mem": "memory", "fs": "filesystem", "db": "database", "cfg": "config", "auth": "authentication",
    "cert": "certificate", "certs": "certificates", "conn": "connection", "conns": "connections",
    "err": "error", "errs": "errors", "req": "request", "reqs": "requests", "repl": "replication",
    "msg": "message", "msgs": "messages",
}  # fmt: skip

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+")
_WORD = re.compile(r"[A-Za-z0-9]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VARYING = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:VALUE|LABELS)\s*=\s*(?:map\[[^\]]{0,2000}\]|\S{0,200})",  # what templates append
        r"https?://\S+",
        r"\(?\binstance:?\s[^\s)]{1,200}\)?",
        r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b",
        r"\b[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}:\d{2,5}\b",
        r"\b[a-z0-9-]{1,200}-[a-f0-9]{6,10}-[a-z0-9]{5}\b",  # pods of a deployment
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{20,27}\b",
    )
)


def spelled(text: str) -> str:
    """The text with identifiers split and short forms spelled out: "KubePodOOM" is "kubernetes Pod out of memory"."""
    split = _HUMP.sub(" ", text)
    return _WORD.sub(lambda found: _SPELLED.get(found[0].lower(), found[0]), split)


def same(name: str) -> str:
    """Equal for names that are written differently: "KubePodOOM", "Kubernetes pod out of memory"."""
    return " ".join(spelled(name).casefold().split())


def steady(text: str) -> str:
    """The text without what differs with each firing: addresses, links, ids of pods, appended labels."""
    for pattern in _VARYING:
        text = pattern.sub(" ", text)
    return " ".join(text.split())


def headline(text: str) -> str:
    """What the question is about, spelled out: the alert's name if it opens with one or its first line holds one,
    the word before a colon ("Unschedulable: …"), else the first sentence."""
    first = text.strip().partition("\n")[0]
    opening = _NAME.match(first)
    if opening and (is_identifier(opening[0], humps=2) or first.startswith(": ", opening.end())):
        return spelled(opening[0])
    for word in _NAME.findall(first):
        if is_identifier(word, humps=3):
            return spelled(word)
    return spelled(re.split(r"(?<=[.!?;])\s", steady(first), maxsplit=1)[0])


def is_identifier(word: str, humps: int) -> bool:
    """Whether a word is written like an alert's name, of at least so many parts: "KubePodCrashLooping" has four."""
    return bool(re.search(r"[a-z0-9][A-Z]|_", word)) and len(_HUMP.sub(" ", word).split()) >= humps


def searched_words(text: str) -> str:
    """The text for the search by words: as written, so that exact names count, and spelled out."""
    apart = spelled(text)
    return text if apart == text else f"{text}\n{apart}"
