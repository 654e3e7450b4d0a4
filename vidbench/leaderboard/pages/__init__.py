"""The static site of the leaderboards: pages that need no server and ask nothing of anyone."""
