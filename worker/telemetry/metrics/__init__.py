"""The metrics: declared, counted as the worker works, or read from the database."""

from worker.telemetry.metrics.counting import MetricDescription, Metrics, describe

__all__ = ["MetricDescription", "Metrics", "describe"]
