"""Evaluation: splits, references, probes, fine-tuning, and the benchmark table."""

from __future__ import annotations

from importlib import import_module
from typing import Any

STAGES = {
    "evaluate_references": "references_stage",
    "evaluate_probes": "probes_stage",
    "evaluate_gbm_embedding": "gbm_embedding_stage",
    "evaluate_finetune": "finetune_stage",
    "evaluate_supervised": "supervised_stage",
    "join_parts": "table",
    "write_metrics": "table",
    "compare_methods": "comparisons",
}
__all__ = [
    "compare_methods",
    "evaluate_finetune",
    "evaluate_gbm_embedding",
    "evaluate_probes",
    "evaluate_references",
    "evaluate_supervised",
    "join_parts",
    "write_metrics",
]


def __getattr__(name: str) -> Any:
    # Lazily, because each stage is a rule of its own: references import no torch, and an edited
    # network does not make them stale.
    if name not in STAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{STAGES[name]}"), name)
