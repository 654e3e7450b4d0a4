"""What torchrun runs on each rank: `vidbench`, whose `main` in the forked process is torchrun's own."""

from __future__ import annotations

from tests.abuse.several import vidbench

vidbench()
