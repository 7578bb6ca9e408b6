"""The peer-to-peer link: who a node is, whom it deals with, where others are, and what carries bytes between two of them."""
