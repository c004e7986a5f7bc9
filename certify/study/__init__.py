"""The study: runs of several widths, classified with proof, as tables, figures and a report (``certify study``).

One stage a module: ``points`` (sweep), ``verdicts``, ``saddles``, ``negative`` (the perturbation protocol), ``checks``;
``gather`` reads what they left; the tables, ``certify.study.figures`` and ``certify.study.report`` are made from that.
"""
