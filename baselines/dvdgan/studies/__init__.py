"""Commands around training: the ablation, the cost table, and plots of logs."""
