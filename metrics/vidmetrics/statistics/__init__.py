"""The statistics behind the metrics, as functions of arrays."""
