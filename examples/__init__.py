"""Small programs to copy from, and the NFS version 3 server and client."""
