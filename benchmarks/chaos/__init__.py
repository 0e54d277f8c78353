"""Sessions of all kinds beside random faults: `python -m benchmarks.chaos` (`make chaos`)."""
