"""The encoders of one model, by modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.models.column import ColumnEncoder
from mmaq.models.resnet import WIDTHS, make_resnet
from mmaq.models.table import TableEncoder
from mmaq.models.vit import WIDTH as VIT_WIDTH
from mmaq.models.vit import make_vit
from mmaq.patches.store import BANDS

MODALITIES = ("s2", "s5p", "table")
TABLE_FEATURES = 8


class Encoders(nn.ModuleDict):
    """Encoders under some of the names "s2", "s5p" and "table".

    Inputs are standardised: "s2" (n, 12, h, w), "s5p" (n, 1, h, w), "table" (n, 16): eight
    features (0 where missing), then eight flags (1 where missing). Each gives (n, width), with
    its width in ``widths``. They are independent of each other, so whoever has one modality uses
    its encoder alone.
    """

    def __init__(self, config: EncodersConfig, modalities: Sequence[str] = MODALITIES) -> None:
        super().__init__()
        self.config = config
        self.widths: dict[str, int] = {}
        for name in MODALITIES:  # in this order whatever the caller's: it decides the weights
            if name in modalities:
                self[name], self.widths[name] = _MAKERS[name](config)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that there is an encoder for."""
        return tuple(self.widths)

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Embeddings of every modality that both the inputs and the encoders have."""
        return {name: self[name](inputs[name]) for name in self.modalities if name in inputs}


def _make_s2(config: EncodersConfig) -> tuple[nn.Module, int]:
    if config.s2 == "vit_small":
        return make_vit(config.s2_input, config.vit_patch, len(BANDS)), VIT_WIDTH
    return make_resnet(config.s2, len(BANDS)), WIDTHS[config.s2]


def _make_s5p(config: EncodersConfig) -> tuple[nn.Module, int]:
    if config.s5p == "small":
        return ColumnEncoder(), ColumnEncoder.width
    return make_resnet(config.s5p, 1), WIDTHS[config.s5p]


def _make_table(config: EncodersConfig) -> tuple[nn.Module, int]:
    return TableEncoder(2 * TABLE_FEATURES, config.table_width), TableEncoder.width


_MAKERS = {"s2": _make_s2, "s5p": _make_s5p, "table": _make_table}
