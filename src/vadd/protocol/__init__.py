"""Benchmarks: what they are made of, how they are made, and what counts."""
