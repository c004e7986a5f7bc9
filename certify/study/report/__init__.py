"""The report of a study: one page of HTML that needs nothing but itself.

Written with Jinja2; the interactive plot is drawn by plotly's JavaScript, which the page carries. Both come with the
extra ``report``.
"""

from certify.study.report.page import write

__all__ = ["write"]
