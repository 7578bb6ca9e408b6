"""Bundled apps, each with its image recipe and descriptor; they use the Task API library like anybody's."""
