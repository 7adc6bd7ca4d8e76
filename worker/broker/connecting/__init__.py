"""Connections to RabbitMQ: opened, answered within a time, and their errors classified."""
