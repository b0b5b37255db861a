"""Classifying pictures with an exported model. No torch, unless the model's format needs it."""

from tlstudio.prediction.predict import predict, predict_job

__all__ = ["predict", "predict_job"]
