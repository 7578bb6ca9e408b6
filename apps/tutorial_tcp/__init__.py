"""The tutorial once more, as an image that knows nothing of unix sockets: like every image made for other nodes."""
