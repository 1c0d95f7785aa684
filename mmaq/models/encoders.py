"""The encoders of one model, by modality."""

from __future__ import annotations

from torch import nn

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.models.column import ColumnEncoder
from mmaq.models.resnet import WIDTHS, make_resnet
from mmaq.models.table import TableEncoder
from mmaq.patches.store import BANDS

MODALITIES = ("s2", "s5p", "table")
TABLE_FEATURES = 8


class Encoders(nn.ModuleDict):
    """Encoders under the names "s2", "s5p" and "table"; ``widths`` gives each embedding's width.

    Inputs are standardised: "s2" (n, 12, h, w), "s5p" (n, 1, h, w), "table" (n, 16): eight
    features (0 where missing), then eight flags (1 where missing). Each gives (n, width).
    """

    def __init__(self, config: EncodersConfig) -> None:
        super().__init__()
        self.config = config
        self.widths: dict[str, int] = {"s2": WIDTHS[config.s2], "table": TableEncoder.width}
        self["s2"] = make_resnet(config.s2, len(BANDS))
        if config.s5p == "small":
            self["s5p"], self.widths["s5p"] = ColumnEncoder(), ColumnEncoder.width
        else:
            self["s5p"] = make_resnet(config.s5p, 1)
            self.widths["s5p"] = WIDTHS[config.s5p]
        self["table"] = TableEncoder(2 * TABLE_FEATURES, config.table_width)
