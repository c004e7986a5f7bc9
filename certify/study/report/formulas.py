"""The TeX of :mod:`certify.presentation.theorem` as HTML: the few commands it uses, nothing more.

A browser without a network has no TeX; the statements need Greek letters, sub- and superscripts.
"""

from __future__ import annotations

import re
from html import escape

_SYMBOLS = {
    "\\mathbb{R}": "ℝ",
    "\\tfrac12": "½",
    "\\frac12": "½",
    "\\bigl": "",
    "\\bigr": "",
    "\\sum": "∑",
    "\\dots": "…",
    "\\times": "×",
    "\\cdot": "·",
    "\\sigma": "σ",
    "\\Phi": "Φ",
    "\\pi": "π",
    "\\sqrt": "√",
    "\\int": "∫",
    "\\tanh": "tanh",
    "\\log": "log",
    "\\exp": "exp",
    "\\varepsilon": "ε",
    "\\theta": "θ",
    "\\eta": "η",
    "\\kappa": "κ",
    "\\omega": "ω",
    "\\rho": "ρ",
    "\\ell": "ℓ",
    "\\infty": "∞",
    "\\inf": "inf",
    "\\min": "min ",
    "\\in": "∈",
    "\\le": "≤",
    "\\to": "→",
    "\\|": "‖",
    "\\{": "{",
    "\\}": "}",
    "\\,": " ",
    "\\ ": " ",
}

_SYMBOL = re.compile("|".join(re.escape(name) + ("(?![a-zA-Z])" if name[-1].isalpha() else "") for name in _SYMBOLS))


def html(text: str) -> str:
    r"""Sentences with formulas between dollar signs as HTML.

    >>> html("a point $c_1$ with $L(\\theta^*) \\le 10^{-7}$")
    'a point <span class="math">c<sub>1</sub></span> with <span class="math">L(θ<sup>*</sup>) ≤ 10<sup>-7</sup></span>'

    Raises:
        ValueError: a command that is not known here.
    """
    pieces = text.split("$")
    out = [f'<span class="math">{_formula(piece)}</span>' if k % 2 else _words(piece) for k, piece in enumerate(pieces)]
    return "".join(out)


def _words(text: str) -> str:
    return re.sub(r"\\texttt\{([^}]*)\}", r"<code>\1</code>", escape(text, quote=False))


def _formula(text: str) -> str:
    text = escape(text, quote=False)
    text = re.sub(r"\\texttt\{([^}]*)\}", r"<code>\1</code>", text)
    # 1/N, where the numerator is one figure as in \frac1{1681}, \frac1N, \frac1{2 \varepsilon}
    text = re.sub(r"\\t?frac([0-9])\{([^{} ]*)\}", r"\1/\2 ", text)
    text = re.sub(r"\\t?frac([0-9])\{([^{}]*)\}", r"\1/(\2) ", text)
    text = _SYMBOL.sub(lambda found: _SYMBOLS[found[0]], text)
    text = re.sub(r"\\hat ?(\w)", "\\1\u0302", text)
    text = re.sub(r"_\{([^{}]*)\}|_([^\s{}])", lambda m: f"<sub>{m[1] or m[2]}</sub>", text)
    text = re.sub(r"\^\{([^{}]*)\}|\^([^\s{}])", lambda m: f"<sup>{m[1] or m[2]}</sup>", text)
    if "\\" in text:
        raise ValueError(f"formula {text!r} has a command that is not known here")
    return text.rstrip()
