"""The Task API on the wire: its .proto files, their generated modules and the protocol's constants; imports nothing above it."""
