"""When residuals vanish to third order along a curve from an exact zero of the loss (docs/paths.md, Proposition 5 (d)).

On ``θ_0 + t h_1 + t² h_2 + …`` put the neurons whose incoming weights at ``θ_0`` agree up to sign together, ``s_i w_i =
w``. With ``α_i = s_i a_i``, ``δ_i = s_i (w_i − s_i w)`` and ``σ(−z) = κ − σ(z)`` the network is

    Σ_w Σ_j σ^(j)(w·x)/j! Σ_i α_i (δ_i·x)^j  +  κ Σ_{s_i = −1} a_i,

and where ``w = 0``, ``σ(0) = κ/2``, ``σ''(0) = 0``. Its coefficients of ``t`` and ``t²`` are 0 if those of ``Σ α_i``,
``Σ α_i δ_i`` and ``Σ α_i δ_i δ_iᵀ`` are, group by group, where ``w = 0`` those of ``Σ α_i δ_i`` alone, and those of the
constants, ``κ (Σ_{s_i = −1} a_i + ½ Σ_{w = 0} a_i)``.
"""

from __future__ import annotations

from fractions import Fraction

from .loss import Network


def vanishes(zero: Network, curve: list[list[Fraction]], d: int, kappa: Fraction | None) -> bool:
    """Whether the coefficients of ``t`` and ``t²`` vanish so; ``curve`` has ``h_1``, ``h_2``, …, of d inputs."""
    if kappa is None:
        return False
    m, constants = len(zero), [Fraction(0), Fraction(0)]
    groups: dict[tuple[Fraction, ...], list[tuple[int, int]]] = {}
    for i, (w, _) in enumerate(zero):
        turned = tuple(-v for v in w)
        groups.setdefault(max(w, turned), []).append((i, 1 if w >= turned else -1))
    for w, members in groups.items():
        total, moment = [Fraction(0)] * 3, [[Fraction(0)] * d for _ in range(3)]
        second = [Fraction(0)] * (d * d)
        for i, sign in members:
            outputs = [sign * v for v in (zero[i][1], curve[0][m * d + i], curve[1][m * d + i])]
            away = [[sign * v for v in part[i * d : (i + 1) * d]] for part in curve[:2]]
            for k in (1, 2):
                total[k] += outputs[k]
                if sign < 0:
                    constants[k - 1] -= outputs[k]
                if not any(w):
                    constants[k - 1] += outputs[k] / 2
            moment[1] = [v + outputs[0] * x for v, x in zip(moment[1], away[0], strict=True)]
            moment[2] = [
                v + outputs[1] * x + outputs[0] * y for v, x, y in zip(moment[2], away[0], away[1], strict=True)
            ]
            second = [v + outputs[0] * x * y for v, (x, y) in zip(second, _products(away[0]), strict=True)]
        if any(moment[1]) or any(moment[2]):
            return False
        if any(w) and (any(total) or any(second)):
            return False
    return not any(kappa * v for v in constants)


def _products(x: list[Fraction]) -> list[tuple[Fraction, Fraction]]:
    return [(p, q) for p in x for q in x]
