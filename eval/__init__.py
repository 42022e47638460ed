"""Questions with known answers, and whether Konkyo gets them right."""
