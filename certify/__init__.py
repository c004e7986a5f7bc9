"""Proofs about critical points of neural-network losses: verdicts, certificates, and the command line.

>>> import certify
>>> sorted(certify.__all__)[:2]
['Classification', 'CriticalObject']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certify.api import classify
    from certify.pipeline.classification import Classification
    from certify.proofs.verdict import CriticalObject, Kind, Relation, Verdict

_HOMES = {
    "classify": "certify.api",
    "Classification": "certify.pipeline.classification",
    "CriticalObject": "certify.proofs.verdict",
    "Kind": "certify.proofs.verdict",
    "Relation": "certify.proofs.verdict",
    "Verdict": "certify.proofs.verdict",
}

__all__ = ["Classification", "CriticalObject", "Kind", "Relation", "Verdict", "classify"]


def __getattr__(name: str) -> Any:
    # the heavy modules load when first used: `certify --help` answers at once
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'certify' has no attribute {name!r}")
