"""Verdicts made readable: JSON document, HTML page, terminal text, table."""
