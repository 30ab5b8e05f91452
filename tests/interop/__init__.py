"""Our stack against code that is not ours. What each peer is known to do is told where it is relied on."""
