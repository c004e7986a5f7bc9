"""Curves of parameters along which a path is proved, in charts and up to infinity."""
