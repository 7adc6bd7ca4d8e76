"""What the worker costs, beside the physical limit and beside what people would write."""
