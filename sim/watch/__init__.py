"""What is seen of a run: events, metrics, checks, traces, reports. Nothing here changes one."""
