"""Known answers for any implementation of FVD, FID, the Inception Score or a kernel distance.

`vidmetrics.conformance.kinds` lists the kinds of questions, `vectors` reads the questions with their answers, and `suite`
runs them on an implementation and diagnoses wrong answers as known `mistakes`. Importing this package is fast.
"""

from __future__ import annotations
