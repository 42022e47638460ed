"""From sources to a searchable store of articles and passages."""
