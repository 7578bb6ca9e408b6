"""The real world of a node: threads, wall clock, links over TLS, identity, files and memory on disk.

Implements `claynet.actors.ports`; knows nothing of the simulator or the command line.
"""
