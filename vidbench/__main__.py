"""`python -m vidbench`, the form that torchrun needs."""

from vidbench.cli import main

# Worker processes of a scan import this module again.
if __name__ == "__main__":
    main()
