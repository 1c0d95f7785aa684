"""How much of the time of a training step the feeding of data costs.

    python benchmarks/training_throughput.py [--threads 1]
    python benchmarks/training_throughput.py --encoder resnet50 --pixels 224 --stored 120

One run compares the same step of the same engine, fed by (a) one fixed batch, the upper bound;
(b) our loader and views; (c) files, NumPy and transforms of one sample at a time in DataLoader
workers, the path of the released code, written anew (``per_sample_path.py``). Data are made up;
what they hold changes no time. Prints a Markdown table and writes JSON.

On CUDA also the share of peak arithmetic, memory, and what the paper's run would take.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from per_sample_path import SampleFiles, write_samples
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from mmaq.config.learning import Encoders, Pretrain
from mmaq.learn.data import Inputs, compute_statistics
from mmaq.learn.devices import cpu_threads
from mmaq.learn.methods.base import View
from mmaq.learn.module import PretrainModule
from mmaq.learn.processes import trainer_options
from mmaq.learn.sites import make_loader
from mmaq.learn.stage import make_method
from mmaq.vocabulary import SELF_SUPERVISED

PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "V100": 125e12}
"""Dense 16-bit tensor operations a second, from NVIDIA's data sheets (SXM)."""

STATIONS, EPOCHS, BATCH = 2139, 500, 128
"""The paper's run; an incomplete batch is left out."""

FIXED, OURS = "(a) one fixed batch", "(b) our loader and views"
WARM = 3
"""Steps before the clock starts."""


class Clock(lightning.Callback):
    """Seconds of each step after step ``first``.

    On a CPU each step counts for itself, and a median forgives what else the machine does. A GPU
    works behind the clock: there only the whole has a time, and all steps get its mean.
    """

    def __init__(self, first: int) -> None:
        self.first, self.stamps = first, list[float]()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        if trainer.global_step >= self.first:
            known = trainer.global_step == self.first or not torch.cuda.is_available()
            self.stamps.append(_now() if known else 0.0)

    def on_train_end(self, *_: Any) -> None:
        if torch.cuda.is_available():
            start, count = self.stamps[0], len(self.stamps) - 1
            self.stamps = np.linspace(start, _now(), count + 1).tolist()

    @property
    def seconds(self) -> list[float]:
        return np.diff(self.stamps).tolist()


class Fixed(PretrainModule):
    """(a): the views of the first step at every step."""

    kept: tuple[View, View] | None = None

    def views(self, batch: Tensor) -> tuple[View, View]:
        if self.kept is None:
            self.kept = super().views(batch)
        return self.kept


class Fed(PretrainModule):
    """(c): the views that the loader hands over."""

    def views(self, batch: Any) -> tuple[View, View]:
        first, second = (
            {name: values.to(self.device, non_blocking=True) for name, values in view.items()}
            for view in batch
        )
        return self._laid_out(first), self._laid_out(second)


def main() -> None:
    asked = arguments()
    config = make_config(asked)
    inputs = make_inputs(config, asked)
    count = WARM + asked.steps
    times: dict[str, list[float]] = {FIXED: [], OURS: []}
    with cpu_threads(asked.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loader = make_loader(len(inputs), asked.batch, 0, lambda: 0)
        for _ in range(2):  # in turn, as a machine's speed drifts
            times[FIXED] += run(Fixed, config, inputs, loader, WARM, count)
            _forget_memory()
            times[OURS] += run(PretrainModule, config, inputs, loader, WARM, count)
        memory = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
        flops = count_flops(config) if torch.cuda.is_available() else None
        with tempfile.TemporaryDirectory() as folder:
            write_samples(Path(folder), inputs)
            for workers in asked.workers:
                files = DataLoader(
                    SampleFiles(Path(folder), len(inputs), config.encoders),
                    batch_size=asked.batch, shuffle=True, drop_last=True, num_workers=workers,
                    prefetch_factor=1, persistent_workers=True,
                    pin_memory=torch.cuda.is_available(),
                )  # fmt: skip
                # The first batches were made ahead, while the workers had nothing to wait for.
                ahead = workers + 1
                last = ahead + max(asked.steps // 2, workers)
                name = f"(c) a sample at a time, {workers} workers"
                times[name] = run(Fed, config, inputs, files, ahead, last)
    # Workers hand over in bursts, whose median would flatter them.
    rows = {
        name: float(np.mean(found) if name.startswith("(c)") else np.median(found))
        for name, found in times.items()
    }
    report(asked, rows, flops, memory)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--method", default="mmaq", choices=SELF_SUPERVISED)
    parser.add_argument("--encoder", default="resnet18", choices=["resnet18", "resnet50"])
    parser.add_argument("--pixels", type=int, default=32, help="side that the encoders see")
    parser.add_argument("--stored", type=int, help="side of a stored patch; none: --pixels")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--sites", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10, help="timed steps")
    parser.add_argument("--threads", type=int, default=1, help="torch threads on a CPU")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("training_throughput.json"))
    return parser.parse_args()


def make_config(asked: argparse.Namespace) -> Pretrain:
    """ResNet-50 stands for the paper's form, with one for each image."""
    if asked.encoder == "resnet50":
        encoders = Encoders(
            s2="resnet50", s2_input=asked.pixels, s5p="resnet50", s5p_input=asked.pixels
        )
    else:
        encoders = Encoders(s2="resnet18", s2_input=asked.pixels)
    return Pretrain(
        method=asked.method, encoders=encoders, batch_size=asked.batch, epochs=1000,
        threads=asked.threads, compile=asked.compile,
    )  # fmt: skip


def make_inputs(config: Pretrain, asked: argparse.Namespace) -> Inputs:
    """Noise in the shape and dtype of a patch store."""
    rng, size = np.random.default_rng(0), max(asked.sites, asked.batch)
    stored = asked.stored or asked.pixels
    column = stored if asked.encoder == "resnet50" else config.encoders.s5p_input
    pixels = {
        "s2": rng.integers(1, 8000, (size, 12, stored, stored), dtype=np.uint16),
        "s5p": rng.normal(4e-5, 1e-5, (size, 1, column, column)).astype(np.float32),
    }
    masks = {name: np.ones((size, 1, *x.shape[2:]), np.uint8) for name, x in pixels.items()}
    rows = torch.arange(size)
    return Inputs(
        tuple(map(str, rows.tolist())),
        {"s2": rows, "s5p": rows},
        {name: torch.from_numpy(x) for name, x in pixels.items()},
        {name: torch.from_numpy(x) for name, x in masks.items()},
        torch.from_numpy(rng.random((size, 8)).astype(np.float32)),
    )


def run(
    kind: type[PretrainModule],
    config: Pretrain,
    inputs: Inputs,
    loader: DataLoader[Any],
    first: int,
    steps: int,
) -> list[float]:
    """Seconds of each step of the engine from step ``first`` to ``steps``."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    module = kind(
        make_method(config), config, inputs, compute_statistics(inputs), config.batch_size
    )
    clock = Clock(first)
    trainer = lightning.Trainer(
        max_steps=steps, max_epochs=-1, callbacks=[clock], logger=False,
        enable_checkpointing=False, enable_model_summary=False, enable_progress_bar=False,
        **trainer_options(config, 1, 1),
    )  # fmt: skip
    trainer.fit(module, loader)
    return clock.seconds


def count_flops(config: Pretrain) -> float:
    """Multiplications and additions of the forward and backward pass of a step."""
    device = torch.device("cuda")
    method = make_method(config.model_copy(update={"compile": False})).to(device)
    size = config.batch_size
    encoders = config.encoders
    view = {
        "s2": torch.randn(size, 12, encoders.s2_input, encoders.s2_input, device=device),
        "s5p": torch.randn(size, 1, encoders.s5p_input, encoders.s5p_input, device=device),
        "table": torch.randn(size, 16, device=device),
    }
    with FlopCounterMode(display=False) as counter, torch.autocast("cuda", torch.bfloat16):
        method(view, view)["loss"].backward()
    return float(counter.get_total_flops())


def report(
    asked: argparse.Namespace, rows: dict[str, float], flops: float | None, memory: int | None
) -> None:
    """Print the table and write it as JSON."""
    best, ours = rows[FIXED], rows[OURS]
    print(f"{machine()}; {asked.method}, {asked.encoder}, {asked.pixels} px, batch {asked.batch}\n")
    print("| fed by | ms a step | sites/s | share of (a) |\n|---|---|---|---|")
    for name, seconds in rows.items():
        figures = f"{1000 * seconds:.1f} | {asked.batch / seconds:.0f} | {best / seconds:.2f}"
        print(f"| {name} | {figures} |")
    more: dict[str, Any] = {"images_per_second": 4 * asked.batch / ours}
    steps = EPOCHS * (STATIONS // BATCH)
    if asked.batch == BATCH:
        more["paper_run_minutes"] = steps * ours / 60
        print(f"\n{EPOCHS} epochs of {STATIONS} stations: {more['paper_run_minutes']:.1f} min")
    if flops is not None and memory is not None:
        rate = flops / ours
        more |= {"tflops": rate / 1e12, "memory_gib": memory / 2**30}
        found = [peak for name, peak in PEAK.items() if name in torch.cuda.get_device_name()]
        share = f", {rate / found[0]:.1%} of peak" if found else ""
        print(f"{more['images_per_second']:.0f} images/s (two views of two images a site)")
        print(f"{rate / 1e12:.1f} TFLOP/s{share}; {more['memory_gib']:.1f} GiB")
        more |= {"share_of_peak": rate / found[0]} if found else {}
    value = {"machine": machine(), "arguments": vars(asked) | {"json": str(asked.json)}}
    value |= {"seconds_per_step": rows, "ratio_b_to_a": best / ours, **more}
    asked.json.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    name: Sequence[str] = []
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = [line.split(":")[1].strip() for line in lines if line.startswith("model name")][:1]
    return f"{''.join(name) or platform.machine()}, torch {torch.__version__}"


def _forget_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
