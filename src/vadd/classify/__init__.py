"""From vectors to posteriors: what is seen and heard, as concepts, and what goes with what."""
