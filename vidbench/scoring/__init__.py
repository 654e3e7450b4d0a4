"""From clips to numbers: features, the reference set, intervals, floor and ceiling, and what makes a result official."""
