"""The checker of certificates: standard library and mpmath only, nothing of the project.

``python checker.py DIR`` runs it without any installation; ``certify check DIR`` is the same program. It is written
from ``docs/certificate-format.md`` and shares no code with the provers; ``docs/trusted-base.md`` says what one
trusts.
"""
