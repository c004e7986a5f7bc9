"""Limits at infinity: charts, the groups of neurons they are made of, and the terms of limit networks."""
