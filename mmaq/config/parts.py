"""Parts of the evaluation that run by themselves, and the pretraining runs that they need."""

from __future__ import annotations

from typing import NamedTuple, get_args

from mmaq.config.evaluation import Evaluate
from mmaq.config.transfer import Transfer
from mmaq.vocabulary import Scratch, TransferTask, Tuned

REFERENCES = "references"
"""In place of a method: the references of a transfer task, which need no encoder."""
FROM_SCRATCH = "mmaq"
"""The method whose encoder is trained from random weights on the transfer tasks too."""


def checkpoint_of(method: str) -> str:
    """The pretraining method whose checkpoint ``method`` (a ``Learned``) is evaluated with.

    ``mmaq_s2`` is the Sentinel-2 encoder of ``mmaq``, and ``random_init`` takes its architecture
    and normalisation; every other method has a checkpoint of its own.
    """
    return "mmaq" if method in ("mmaq_s2", "random_init") else method


def pretrained_runs(config: Evaluate, transfer: Transfer | None = None) -> tuple[str, ...]:
    """Pretraining methods that probes, fine-tuning and transfer need, each once, in order."""
    tuned = (
        *config.finetune.methods, *config.finetune.all_inputs, *config.finetune.mappable
    )  # fmt: skip
    evaluated = (*config.probes, *config.mixes, *tuned)
    if transfer is not None and transfer.tasks:
        evaluated += transfer.encoders
    return tuple(dict.fromkeys(checkpoint_of(method) for method in evaluated))


class Part(NamedTuple):
    """A part of the evaluation that runs by itself, on all splits."""

    protocol: str
    method: str = ""

    @property
    def name(self) -> str:
        """Name of its files."""
        return "_".join(filter(None, self))

    @property
    def job(self) -> str:
        """Name of its job: that of its rule, then what the rule's jobs differ in."""
        if self.protocol in (*get_args(Scratch), "supervised"):
            return f"evaluate_supervised_{self.name}"
        if self.protocol in get_args(Tuned):
            return f"evaluate_finetune_{self.name}"
        return f"evaluate_{self.name}"


def evaluation_parts(config: Evaluate) -> list[Part]:
    """All parts: references, a part a probed method, and one a trained method.

    Its splits share a job: to import torch takes as long as some epochs.

    Without references there is no part of them.
    """
    trained = {
        "finetune": config.finetune.methods,
        "finetune_all": config.finetune.all_inputs,
        "finetune_all_map": config.finetune.mappable,
        "scratch": config.supervised.scratch,
        "scratch_all": config.supervised.all_inputs,
        "supervised": config.supervised.methods,
    }
    return [
        *([Part("references")] if config.by_themselves else []),
        *(Part("probes", method) for method in config.probes),
        *(Part("mixes", method) for method in config.mixes),
        *(Part(protocol, method) for protocol, methods in trained.items() for method in methods),
    ]


class TransferPart(NamedTuple):
    """A part of the transfer tasks that runs by itself: an encoder, or a task's references.

    ``method`` is ``REFERENCES`` for these; else ``protocols`` are how its encoder is used.
    """

    task: TransferTask
    method: str
    protocols: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"transfer_{self.task}_{self.method}"

    @property
    def job(self) -> str:
        """Name of its job: that of its rule, then what the rule's jobs differ in."""
        if self.is_references:
            return f"evaluate_transfer_references_{self.task}"
        return f"evaluate_{self.name}"

    @property
    def is_references(self) -> bool:
        """Whether it is a task's references, which need no encoder."""
        return self.method == REFERENCES


def transfer_parts(config: Transfer | None) -> list[TransferPart]:
    """All parts of each task: its references, and each encoder: frozen, fine-tuned, and MMAQ's from
    random weights too.

    Without scenes (None) there are none.
    """
    if config is None:
        return []
    used: dict[str, tuple[str, ...]] = dict.fromkeys(config.encoders, ("frozen", "finetune"))
    used[FROM_SCRATCH] = (*used.get(FROM_SCRATCH, ()), "scratch")
    return [
        part
        for task in config.tasks
        for part in (
            TransferPart(task, REFERENCES),
            *(TransferPart(task, method, protocols) for method, protocols in used.items()),
        )
    ]
