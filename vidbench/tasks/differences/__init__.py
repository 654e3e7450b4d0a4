"""Two protocols side by side: what differs, what is known of its effect, and whether scores of both may be compared."""
