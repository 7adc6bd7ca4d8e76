"""What scrapes a worker, judges its alerts, and reads its metrics."""
