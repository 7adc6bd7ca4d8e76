"""Judges a campaign by what was published, received and stored."""
