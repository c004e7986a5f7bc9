"""Regions about limits: derivatives of a network in a chart along a curve of its coordinates and in a box about it."""
