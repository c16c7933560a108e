"""What a worker tells those who run it: metrics, health, logs and traces."""
