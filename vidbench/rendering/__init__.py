"""From values to LaTeX, SVG and HTML: what the report and the leaderboard pages share."""
