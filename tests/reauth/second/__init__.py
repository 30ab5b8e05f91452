"""A second implementation of fast re-authentication, written from docs/fast-reauth.md alone.

It shares no code with the project: where both agree, the document says enough. It is both ends without I/O, made to be
read beside the document and not to be used: it has no caps beyond those on the wire, and checks nothing twice.

Read wire, rpc, structs, keys, tickets, contexts, client, server.
"""
