"""Run a function on two gloo processes, and the losses that are run there."""

from __future__ import annotations

import torch
from torch import distributed as dist
from torch import multiprocessing

from mmaq.learn.losses.barlow import barlow_twins, cross_correlation, standardise
from mmaq.learn.losses.contrastive import clip, info_nce, next_queue, nt_xent
from mmaq.learn.losses.cosine import negative_cosine
from mmaq.learn.losses.decur import decur_terms, sum_decur
from mmaq.learn.losses.dino import dino, next_centre
from mmaq.learn.losses.mmaq import balance_terms, mmaq_terms, per_dimension, weigh_terms
from mmaq.learn.losses.mmaq_released import released_terms, sum_released
from mmaq.learn.losses.vicreg import vicreg_terms

NAMES = ("s2", "s5p", "table")
SAMPLES, INPUTS, WIDTH, COMMON, LAMBDA = 8, 5, 6, 4, 0.0051


def run_two(job, folder, *args):
    """``job(*args)`` on two processes; gives what each returned, in order of rank.

    They are forked: each would take seconds to import PyTorch again.
    """
    given = _run, (job, folder, args)
    multiprocessing.start_processes(*given, nprocs=2, start_method="fork")
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def _run(rank, job, folder, args):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/init", rank=rank, world_size=2)
    torch.save(job(*args), folder / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


def own_part(values):
    """The rows of this process; all of them without processes."""
    return values.chunk(2)[dist.get_rank()] if dist.is_initialized() else values


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


QUEUE = torch.nn.functional.normalize(random(7, WIDTH, seed=3), dim=1)
CENTRE = random(WIDTH, seed=4)
SIGMA = torch.tensor([0.7, 0.8, 1.1, 0.9], dtype=torch.float64)


def vicreg(first, second):
    terms = vicreg_terms(first["s2"], second["s2"])
    return 25 * terms["invariance"] + 25 * terms["variance"] + terms["covariance"]


GLOBAL = {
    "barlow_twins": lambda a, b: barlow_twins(
        cross_correlation(standardise(a["s2"]), standardise(b["s2"])), LAMBDA
    ),
    "mmaq": lambda a, b: weigh_terms(mmaq_terms(a, b, COMMON, LAMBDA), SIGMA),
    "mmaq_balanced": lambda a, b: balance_terms(
        per_dimension(mmaq_terms(a, b, COMMON, LAMBDA), COMMON, WIDTH - COMMON), SIGMA
    ),
    "mmaq_released": lambda a, b: sum_released(released_terms(a, b, COMMON, LAMBDA)),
    "decur": lambda a, b: sum_decur(decur_terms(a, b, COMMON, LAMBDA)),
    "nt_xent": lambda a, b: nt_xent(a["s2"], b["s2"], 0.1),
    "clip": lambda a, b: clip(a["s2"], b["table"], 0.1, 0.3),
    "vicreg": vicreg,
}
"""Losses that need the whole batch: the same value on every process."""

BY_SAMPLE = {
    "info_nce": lambda a, b: info_nce(a["s2"], b["s2"], QUEUE, 0.2),
    "negative_cosine": lambda a, b: negative_cosine(a["s2"], b["s2"]),
    "dino": lambda a, b: dino(a["s2"], b["s2"], CENTRE, 0.1, 0.04),
}
"""Losses of single samples: the global value is the mean over processes."""


def losses_and_gradients():
    """By loss: its value and the gradient of a layer that all samples went through."""
    results = {}
    for name, loss in {**GLOBAL, **BY_SAMPLE}.items():
        layer = random(INPUTS, WIDTH, seed=1).requires_grad_()
        inputs = own_part(random(SAMPLES, 2, len(NAMES), INPUTS, seed=2))
        first, second = (
            {other: (inputs[:, view, k] @ layer).tanh() for k, other in enumerate(NAMES)}
            for view in (0, 1)
        )
        value = loss(first, second)
        value.backward()
        results[name] = {"loss": value.detach(), "gradient": layer.grad}
    return results


def states():
    """Queue and centre after a step."""
    values = own_part(random(4, WIDTH, seed=5))
    return {"queue": next_queue(QUEUE, values), "centre": next_centre(CENTRE, values, 0.9)}


def everything():
    return losses_and_gradients(), states()
