"""From a question to an answer whose every sentence is proved, or a refusal."""
