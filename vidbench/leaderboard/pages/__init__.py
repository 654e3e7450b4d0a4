"""The static site of the leaderboards: self-contained pages that need no server."""
