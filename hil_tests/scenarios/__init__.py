"""Stories about whole boxes, each one that a regulator would understand; they run on any Board."""
