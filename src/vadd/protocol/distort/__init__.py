"""What happens to clips between a camera and an editor: one change a file, each repeatable exactly."""
