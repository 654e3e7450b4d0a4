"""One lock for what belongs to a whole process, where several trainings run in threads of one."""

from __future__ import annotations

import threading

PROCESS_STATE = threading.RLock()
"""Held while cuDNN's switches are changed and until they are put back, and while an update is recorded: a recording keeps
the algorithms that the switches chose, and CUDA refuses a second one, and the freeing of memory, in the middle of one."""
