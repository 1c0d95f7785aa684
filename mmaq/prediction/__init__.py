"""Prediction: NO2 with its interval at places that nobody measured."""
