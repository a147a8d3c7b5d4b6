"""From a second of picture or sound to a vector: embedders, their cards and their weights."""
