"""Known answers that any implementation of FVD, FID, Inception Score or kernel distance can be held against.

`vidmetrics.conformance.kinds` says what an implementation is asked, `vectors` reads the questions with their answers,
`run` puts them and finds out which of the known `mistakes` a wrong answer looks like. Importing this is light.
"""

from __future__ import annotations
