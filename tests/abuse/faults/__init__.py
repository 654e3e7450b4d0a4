"""Disks that fail: the n-th write, rename, sync or creation of every writing command, and power cuts."""
