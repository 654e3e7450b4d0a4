"""One lock for the state of a whole process, which several runs in threads of it share."""

from __future__ import annotations

import threading

PROCESS_STATE = threading.RLock()
"""Held while cuDNN's switches are changed, until they are restored, and while an update is recorded: a recording keeps the
algorithms that the switches selected, and during one CUDA allows neither another recording nor freeing memory."""
