"""The exact side: networks and objectives as formulas, activations, the problem, strata."""
