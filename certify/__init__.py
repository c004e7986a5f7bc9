"""Proofs about critical points: arithmetic, tests, verdicts, and the command line."""
