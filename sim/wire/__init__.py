"""The simulated network, and the ports of memory and identity that go with it."""
