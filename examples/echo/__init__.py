"""The smallest pair: a server that gives back what it is given, and a client that asks it to."""
