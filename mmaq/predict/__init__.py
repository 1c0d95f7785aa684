"""Prediction: an estimator fitted to all stations, asked at places that nobody measured."""
