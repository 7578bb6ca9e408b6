"""claynet: a peer-to-peer compute network after Golem's Task API, and a test network for it.

This package only gives the top-level folders their import names (`claynet.actors` is
`actors/`, and so on, by links); it must not import any of them.
"""

__version__ = "0.1.0"
