"""Networks that predict what a station measures: fine-tuned, or trained from random weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from mmaq.config.evaluation import Finetune, Supervised
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.data import Inputs, Statistics, compute_statistics
from mmaq.learn.embed import BATCH
from mmaq.learn.fit import AUXILIARY, Reads, Scale, fit, layer_groups, predict, squared_error
from mmaq.learn.models.aqnet import AQNet
from mmaq.learn.models.convolution import only_reached
from mmaq.learn.models.encoders import Encoders
from mmaq.learn.models.two_stream import TwoStream
from mmaq.statistics.ridge import FARTHEST, Scaling, fit_ridge


class Regressor(nn.Module):
    """Encoders of some modalities and a linear head on their joined, standardised embeddings.

    The head may read ``auxiliary`` features beside the embeddings, which come without an encoder
    as ``inputs[AUXILIARY]``, (b, auxiliary), standardised.
    """

    mean: Tensor
    sd: Tensor

    def __init__(self, encoders: Encoders, modalities: Sequence[str], auxiliary: int = 0) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({name: copy.deepcopy(encoders[name]) for name in modalities})
        width = sum(encoders.widths[name] for name in modalities)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("sd", torch.ones(width))
        self.head = nn.Linear(width + auxiliary, 1)

    def embed(self, inputs: dict[str, Tensor]) -> Tensor:
        """Joined embeddings, (b, width)."""
        return torch.cat([self.encoders[name](inputs[name]) for name in self.encoders], dim=1)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Standardised target, (b,)."""
        features = (self.embed(inputs) - self.mean) / self.sd
        if AUXILIARY in inputs:
            features = torch.cat([features, inputs[AUXILIARY]], dim=1)
        return self.head(features).squeeze(1)


@dataclass(frozen=True)
class Network:
    """What a network reads, and how it is made with weights from torch's random state.

    ``make`` takes the encoders' sizes, and the numbers of targets and of auxiliary features; a
    paper's network reads none of these. ``bf16`` is False where the precision "auto" is float32:
    processors have no fast depthwise convolution in bf16 (AQNet takes 2.3 times as long in it).
    """

    modalities: tuple[str, ...]
    make: Callable[[EncodersConfig, int, int], nn.Module]
    bf16: bool = True


NETWORKS = {
    "aqnet": Network(AQNet.modalities, lambda _, targets, __: AQNet(targets), bf16=False),
    "two_stream": Network(
        TwoStream.modalities, lambda config, targets, _: TwoStream(config, targets)
    ),
}


def from_scratch(modalities: tuple[str, ...]) -> Network:
    """The encoders that a method pretrains, and a linear head of one target, all random.

    The head ignores auxiliary features at first: there are many, and few stations.
    """

    def make(config: EncodersConfig, _: int, auxiliary: int) -> Regressor:
        model = Regressor(Encoders(config, modalities), modalities, auxiliary)
        with torch.no_grad():
            model.head.weight[:, len(model.mean) :] = 0.0
        return model

    return Network(modalities, make)


@dataclass(frozen=True)
class Trained:
    """A network with all that is needed to use it."""

    model: nn.Module
    statistics: Statistics
    sizes: EncodersConfig
    modalities: tuple[str, ...]
    scale: Scale
    known: np.ndarray
    """The least and the largest target of the training stations, (2,) or (2, k). A network goes on
    where no station has been: AQNet gave 103 ug/m3 where the largest measured was 70 and 26 was
    true."""
    scaling: Scaling | None = None
    """Of the auxiliary features; None for a network without."""

    def predict(
        self, inputs: Inputs, rows: np.ndarray, auxiliary: np.ndarray | None = None
    ) -> np.ndarray:
        """Predictions at ``rows`` of ``inputs`` in the target's unit, (m,) or (m, k) float64, held
        within what was measured.

        ``auxiliary`` are the features of all n inputs in their own units, (n, d).
        """
        device = next(self.model.parameters()).device
        beside = None
        if self.scaling is not None and auxiliary is not None:
            beside = standardise(self.scaling, auxiliary, device)
        reads = Reads(inputs.to(device), self.statistics, self.sizes, self.modalities, beside)
        found = predict(self.model, reads, torch.from_numpy(np.asarray(rows)))
        return np.clip(self.scale.up(found), *self.known)


def finetune(
    encoders: Encoders,
    statistics: Statistics,
    inputs: Inputs,
    target: np.ndarray,
    modalities: Sequence[str],
    config: Finetune,
    seed: int,
    auxiliary: np.ndarray | None = None,
) -> Trained:
    """Fine-tune a copy of the encoders on the training stations.

    The head starts at the ridge probe's solution on frozen embeddings and all weights move on from
    there (LP-FT, Kumar et al. 2022, arXiv:2202.10054): from a random head the first steps would
    spoil the encoders. Batch norm keeps its pretrained statistics: the run starts exactly at the
    probe's predictions, and batches of some tens of stations would give noisier ones.

    Args:
        encoders: pretrained encoders; not changed.
        statistics: their normalisation.
        inputs: of the training stations, each of which has every modality.
        target: in any unit, (n,).
        modalities: those of the encoders that are used.
        config: epochs, batch, rates and precision.
        seed: of the order and the augmentation.
        auxiliary: features that the head reads too, in any units, (n, d); NaN where missing.
    """
    device = next(encoders.parameters()).device
    scaling, beside = _scaled(auxiliary, device)
    reads = Reads(inputs.to(device), statistics, encoders.config, tuple(modalities), beside)
    model = Regressor(encoders, modalities, _width(beside)).to(device).eval()
    scale = Scale.of(target)
    scaled, rows = scale.down(target).to(device), torch.arange(len(target))
    with torch.no_grad():
        embeddings = [model.embed(reads.load(part)) for part in rows.split(BATCH)]
        start_at_probe(model, torch.cat(embeddings), scaled, beside)
    encoder_rate = config.learning_rate * config.encoder_rate
    with only_reached(model, reads.load(rows[:1])):
        groups = [{"params": model.head.parameters(), "lr": config.learning_rate}]
        for encoder in model.encoders.values():
            groups += layer_groups(encoder, encoder_rate, config.first_rate)
        fit(squared_error(model, reads, rows, scaled), groups, len(rows), config, seed)
    known = _range(target)
    return Trained(model, statistics, encoders.config, tuple(modalities), scale, known, scaling)


def train_supervised(
    network: Network,
    encoders: EncodersConfig,
    inputs: Inputs,
    target: np.ndarray,
    config: Supervised,
    seed: int,
    auxiliary: np.ndarray | None = None,
) -> Trained:
    """Train all weights on the training stations.

    Nothing else is seen: the statistics of the inputs are those of the training stations, and the
    number of epochs is fixed.

    Args:
        network: what is trained, on the device of ``inputs``.
        encoders: sizes of the encoders and of what they see.
        inputs: of the training stations, each of which has every modality of ``network``.
        target: in any unit, (n,), or several that are learned at once, (n, k).
        config: epochs, batch, rate and precision.
        seed: of the weights, the dropout, the order and the augmentation.
        auxiliary: as of :func:`finetune`.
    """
    statistics = compute_statistics(inputs)
    if config.precision == "auto" and not network.bf16:
        config = config.model_copy(update={"precision": "float32"})
    scaling, beside = _scaled(auxiliary, inputs.device)
    reads = Reads(inputs, statistics, encoders, network.modalities, beside)
    scale = Scale.of(target)
    scaled, rows = scale.down(target).to(inputs.device), torch.arange(len(target))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        targets = 1 if target.ndim == 1 else target.shape[1]
        model = network.make(encoders, targets, _width(beside)).to(inputs.device).train()
        model = model.to(memory_format=torch.channels_last)  # a quarter off AQNet's steps
        with only_reached(model, reads.load(rows[:1])):
            groups = [{"params": model.parameters(), "lr": config.learning_rate}]
            fit(squared_error(model, reads, rows, scaled), groups, len(rows), config, seed)
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(rows), generator=generator)
        parts = order.tensor_split(max(1, len(rows) // config.batch_size))
        # Running means of batch norm lag behind the weights, and hold what single batches did.
        update_bn((reads.draw(part, generator) for part in parts), model)
    known = _range(target)
    return Trained(model.eval(), statistics, encoders, network.modalities, scale, known, scaling)


def start_at_probe(
    model: Regressor, embeddings: Tensor, target: Tensor, auxiliary: Tensor | None
) -> None:
    """Set the head to the ridge probe's solution on embeddings and auxiliary features.

    To the penalty both blocks have the same variance in total (``join_scaling``).
    """
    model.mean.copy_(embeddings.mean(dim=0))
    model.sd.copy_(embeddings.std(dim=0, correction=0).clamp(min=1e-6))
    features = (embeddings - model.mean) / model.sd
    factors = torch.ones(features.shape[1])
    if auxiliary is not None:
        equal = (features.shape[1] / auxiliary.shape[1]) ** 0.5
        factors = torch.cat([factors, torch.full((auxiliary.shape[1],), equal)])
        features = torch.cat([features, auxiliary], dim=1)
    scaled = features.double().cpu().numpy() * factors.double().numpy()
    centre = scaled.mean(axis=0)
    weights, intercept = fit_ridge(scaled - centre, target.double().cpu().numpy())
    slopes = torch.from_numpy(weights) * factors
    model.head.weight.copy_(slopes.to(model.head.weight)[None])
    model.head.bias.fill_(intercept - float(centre @ weights))


def standardise(scaling: Scaling, auxiliary: np.ndarray, device: torch.device) -> Tensor:
    """Auxiliary features as the head reads them, (n, d) float32: 0 where missing.

    They are cut at ``FARTHEST`` standard deviations: a linear head would go on where no station
    has been, and one odd place would move all weights.
    """
    scaled = np.clip(scaling.apply(auxiliary), -FARTHEST, FARTHEST)
    return torch.from_numpy(scaled).float().to(device)


def _scaled(
    auxiliary: np.ndarray | None, device: torch.device
) -> tuple[Scaling | None, Tensor | None]:
    if auxiliary is None:
        return None, None
    scaling = Scaling.of(auxiliary)
    return scaling, standardise(scaling, auxiliary, device)


def _range(target: np.ndarray) -> np.ndarray:
    return np.stack([np.min(target, axis=0), np.max(target, axis=0)])


def _width(auxiliary: Tensor | None) -> int:
    return 0 if auxiliary is None else auxiliary.shape[1]
