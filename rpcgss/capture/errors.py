"""The one exception of this package."""

from rpcgss.rpc.errors import RpcError


class CaptureError(RpcError):
    """A capture, keytab or library that cannot be used (further). The text names the place and says what is wrong.

    What is wrong within a capture's traffic is no exception but a finding.
    """
