"""Pure machines and records: frozen data in, frozen data out.

Must not import anything that does I/O, reads a clock or draws randomness.
"""
