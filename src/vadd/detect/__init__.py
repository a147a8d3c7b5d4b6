"""From posteriors to a verdict: scores, what they mean, what may be said, and when it happens."""
