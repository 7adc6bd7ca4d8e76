"""RabbitMQ: connections, channels, publisher confirms, acknowledgements and the topology."""
