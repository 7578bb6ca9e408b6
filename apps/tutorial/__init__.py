"""The tutorial: a proof of work, the smallest app that does everything an app has to do."""
