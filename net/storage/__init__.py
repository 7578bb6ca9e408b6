"""What a node keeps on disk: its data dir, its memory, files of tasks."""
