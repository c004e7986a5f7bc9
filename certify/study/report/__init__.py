"""The report of a study: one page of HTML that needs nothing but itself.

Written with Jinja2, which comes with the extra ``report``; the interactive plot is drawn by plotly.js, which the page
carries: its bundle of the basic traces lies in ``certify/_data/report``, unchanged.
"""

from certify.study.report.page import write

__all__ = ["write"]
