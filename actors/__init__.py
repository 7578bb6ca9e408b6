"""The node: pure machines (`core/`), the ports it demands of the world, its Pykka shells, and their wiring.

Knows nothing of networks, clocks, containers or simulators; those arrive through `ports.Ports`.
"""
