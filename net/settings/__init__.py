"""What an operator decides: names, kinds and limits of settings, and where they are read from."""
