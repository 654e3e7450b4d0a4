"""From clips to scores: features, reference set, confidence intervals, floor and ceiling, and whether a result is official."""
