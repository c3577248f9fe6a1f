"""The closed list of what may be done: one act for each kind of `core.catalogue`, no more and no less."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from core.catalogue import CATALOGUE
from core.diagnosis import ActionKind
from workers.actions.base import Act
from workers.actions.by_hand import DeleteNamespace, UninstallRelease
from workers.actions.deployments import RestartDeployment, RollbackDeployment, ScaleDeployment
from workers.actions.drain import DrainNode
from workers.actions.hooks import RotateCredentials, ShiftTraffic
from workers.actions.jobs import RerunJob
from workers.actions.nodes import CordonNode, UncordonNode
from workers.actions.pods import RestartPod
from workers.actions.releases import RollbackRelease
from workers.actions.resources import SetResources
from workers.actions.silences import SilenceAlert

_ACTS: tuple[Act, ...] = (
    RestartPod(),
    RestartDeployment(),
    ScaleDeployment(),
    RollbackDeployment(),
    RollbackRelease(),
    CordonNode(),
    UncordonNode(),
    DrainNode(),
    SilenceAlert(),
    RerunJob(),
    RotateCredentials(),
    ShiftTraffic(),
    SetResources(),
    DeleteNamespace(),
    UninstallRelease(),
)
ACTIONS: Mapping[ActionKind, Act] = MappingProxyType({act.kind: act for act in _ACTS})
if len(ACTIONS) != len(_ACTS) or set(ACTIONS) != set(CATALOGUE):
    raise AssertionError("ACTIONS and core.catalogue name different kinds, or one of them twice")
