"""Virtual time: the kernel, Pykka on it, the fence, and the ports of time, chance and outside work."""
