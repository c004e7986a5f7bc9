"""Floating-point search: candidate points, optimisers, polishing, storage. Nothing here is a proof."""
