"""Tests of examples/nfs."""
