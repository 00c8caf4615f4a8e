"""A measuring stick: `make bench`. Every figure is a ratio inside one run (docs/performance.md)."""
