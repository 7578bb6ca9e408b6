"""The virtual world: virtual-time actors, simulated network, worlds, faults, scenarios, checks, reports and tapes."""
