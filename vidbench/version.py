"""The version of vidbench, apart from the package so that no folder imports the package above it."""

__version__ = "0.1.0"
