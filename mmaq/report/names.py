"""Words for the names of the benchmark table."""

from __future__ import annotations

from typing import Literal

from mmaq.estimators.features import EVERYTHING, MAPPABLE
from mmaq.vocabulary import MIXES, REFERENCES

Kind = Literal["pretrained", "unpretrained", "reference", "ceiling"]

KINDS: dict[Kind, str] = {
    "pretrained": "with a pretrained network",
    "unpretrained": "network, not pretrained",
    "reference": "reference without a network",
    "ceiling": "ceiling (knows the truth)",
}

METHODS = {
    "mmaq": "MMAQ", "mmaq_s2": "MMAQ\u2212", "aqnet": "AQNet", "decur": "DeCUR",
    "barlow_twins": "Barlow Twins", "barlow_twins_multimodal": "Barlow Twins, multimodal",
    "simclr": "SimCLR", "vicreg": "VICReg", "byol": "BYOL", "moco_v2": "MoCo v2",
    "simsiam": "SimSiam", "dino": "DINO", "mmcl": "MMCL", "two_stream": "Two streams",
    "random_init": "Untrained encoder",
    "mean": "Mean of training stations", "ridge": "Ridge", "gbm": "Boosted trees",
    "gbm_geo": "Boosted trees, maps", "gbm_geo_kriging": "Boosted trees, maps, kriging",
    "gbm_pixels": "Boosted trees, pixels", "gbm_embedding": "Boosted trees, embedding",
    "mosaiks": "MOSAIKS", "stack": "Stack of trees, ridge and kriging",
    "stack_without_mmaq": "Stack without an embedding",
    "stack_without_mmaq_map": "Stack without an embedding, mappable",
    "ridge_context": "Ridge, surroundings",
    "ridge_context_map": "Ridge, surroundings, mappable",
    "gbm_context": "Boosted trees, surroundings",
    "gbm_context_map": "Boosted trees, surroundings, mappable",
    "gbm_context_kriging": "Boosted trees, surroundings, kriging",
    "gbm_context_kriging_map": "Boosted trees, surroundings, kriging, mappable",
    "oracle": "Oracle: true field", "oracle_inputs": "Oracle: true inputs",
    "majority": "Commonest fuel", "gbm_colours": "Boosted trees, colours",
    "brightness": "Brighter than the ring",
}  # fmt: skip

PROTOCOLS = {
    "linear": "linear probe", "sgd_probe": "SGD probe", "knn": "k-NN", "fused": "fused probe",
    "fused_all": "fused probe, all inputs", "finetune": "fine-tuned",
    "finetune_all": "fine-tuned, all inputs",
    "finetune_all_map": "fine-tuned, all mappable inputs", "scratch": "from scratch",
    "scratch_all": "from scratch, all inputs", "frozen": "frozen", "supervised": "supervised",
    "reference": "",
}  # fmt: skip

SPLITS = {
    "official": "official split", "random": "random folds", "blocks": "spatial blocks",
    "knndm": "distance-matched folds", "country": "left-out countries",
}  # fmt: skip

MODALITIES = {
    "s2": "S2", "s5p": "S5P", "table": "table", "geo": "maps", "context": "surroundings",
    "pixels": "pixel statistics", "type": "type", "station_type": "type of station",
    "truth": "the truth",
}  # fmt: skip

WHOLE = {EVERYTHING: "all inputs", MAPPABLE: "all mappable inputs"}
"""Six words would not fit beside a plot; the definitions say what they are."""

TASKS = {
    "no2": "NO₂", "o3": "O₃", "pm10": "PM10", "co": "CO", "so2": "SO₂",
    "fuel": "Fuel of a power plant", "plume": "Plume of a power plant",
}  # fmt: skip


METRICS = {
    "r2": "R²", "rmse": "RMSE", "mae": "MAE", "bias": "bias", "mse": "MSE",
    "coverage90": "coverage of 90 %", "width90": "width of 90 %",
    "interval_score90": "interval score", "mqi": "MQI", "accuracy": "accuracy",
    "macro_f1": "macro-F1", "miou": "mean IoU", "foreground_iou": "foreground IoU",
}  # fmt: skip


def kind(method: str, protocol: str) -> Kind:
    """What sort of row this is."""
    if method.startswith("oracle"):
        return "ceiling"
    if method in REFERENCES and method not in MIXES:
        return "reference"
    if method == "random_init" or protocol in ("scratch", "scratch_all", "supervised"):
        return "unpretrained"
    return "pretrained"


def is_learned(method: str) -> bool:
    """Whether the row's network was trained on anything."""
    return method in MIXES or method not in (*REFERENCES, "random_init")


def label(method: str, protocol: str) -> str:
    """Method and protocol, to be read aloud."""
    words = (METHODS.get(method, method), PROTOCOLS.get(protocol, protocol))
    return ", ".join(word for word in words if word)


def full(key: tuple[str, str, str]) -> str:
    """Method, protocol and, in brackets, its inputs."""
    method, protocol, modalities = key
    name, words = label(method, protocol), inputs(modalities)
    return name + (f" ({words})" if words and not name.endswith(words) else "")


def inputs(modalities: str) -> str:
    """The modalities of a row ("s2+s5p+table" becomes "S2 + S5P + table")."""
    if modalities in WHOLE:
        return WHOLE[modalities]
    return " + ".join(MODALITIES.get(part, part) for part in modalities.split("+") if part)
