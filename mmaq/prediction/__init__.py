"""Prediction: NO2 with its interval at places that nobody measured."""

from __future__ import annotations

from mmaq.prediction.predictor import fit_predictor
from mmaq.prediction.write import predict_sites

__all__ = ["fit_predictor", "predict_sites"]
