"""Activation functions, one a file; docs/problems.md says how to add one."""
