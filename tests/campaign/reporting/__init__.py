"""Shows a campaign: progress, page and JSON."""
