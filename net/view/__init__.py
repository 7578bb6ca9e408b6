"""What is known of a running node without asking any actor: tasks, offers, events, reasons."""
