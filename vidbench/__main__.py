"""`python -m vidbench`, the form that torchrun needs."""

from vidbench.cli import main

main()
