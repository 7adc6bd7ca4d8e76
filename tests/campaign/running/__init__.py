"""Runs a campaign: servers, workers, web tier and consumers, and the faults."""
