from __future__ import annotations

import pytest

from workers.memory.text import headline, is_identifier, searched_words, spelled, steady


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("KubePodCrashLooping", "kubernetes Pod Crash Looping"),
        ("KubernetesStatefulsetDown", "Kubernetes stateful set Down"),
        ("CPUThrottlingHigh", "CPU Throttling High"),
        ("node_memory_MemAvailable", "node memory memory Available"),
        ("etcdNoLeader", "etcd No Leader"),
        ("the pods are fine", "the pods are fine"),
    ],
)
def test_identifiers_are_split_and_short_forms_spelled_out(text: str, words: str) -> None:
    assert spelled(text) == words


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("HostOutOfMemory Memory is at 3 %", "Host Out Of Memory"),
        ("CrashLoopBackOff: exited with 1", "Crash Loop Back Off"),
        ("Unschedulable: 0/3 nodes are available", "Unschedulable"),
        ("[FIRING:2] Alert HostOutOfMemory is firing", "Host Out Of Memory"),
        ("checkout is slow. It began at noon.", "checkout is slow."),
        ("disk of web-01.example.net:9100 is full\nmore", "disk of is full"),
        ("", ""),
    ],
)
def test_a_question_is_about_its_alert_else_its_first_sentence(text: str, about: str) -> None:
    assert headline(text) == about


def test_what_differs_with_each_firing_is_left_out() -> None:
    text = (
        "Ceph OSD down (instance 10.42.8.5:9283) at https://example.net/x see checkout-7d9f7b5c8d-x2kqp\n"
        "  VALUE = 1\n  LABELS = map[instance:10.42.8.5:9283 job:apiserver]"
    )
    assert steady(text) == "Ceph OSD down at see"


def test_an_identifier_is_found_as_written_and_by_its_parts() -> None:
    assert searched_words("TargetDown").split() == ["TargetDown", "Target", "Down"]
    assert searched_words("target down") == "target down"


def test_an_ordinary_word_is_no_identifier() -> None:
    assert not is_identifier("Overview", humps=2)
    assert not is_identifier("README", humps=2)
    assert is_identifier("KubeletDown", humps=2)


def test_a_long_question_of_one_character_is_quick() -> None:
    for hostile in ("a" * 2000, "a-" * 1000, "1." * 1000, "A" * 2000, "LABELS = map[" * 150, "instance " * 200):
        assert isinstance(headline(hostile) + steady(hostile), str)
