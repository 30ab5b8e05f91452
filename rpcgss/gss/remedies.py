"""What a user can do about an error of Kerberos.

The numbers are krb5's (com_err table krb5, as unsigned 32-bit); under SPNEGO they are not to be had, and the library's
own text stands alone.
"""

from typing import Final

from rpcgss.gss.errors import GssError
from rpcgss.gss.gss_xdr import GSS_S_NO_CRED
from rpcgss.gss.provider import Demands

_KRB5_ERRORS: Final = 2529638912
NOT_OURS: Final = _KRB5_ERRORS + 35

KEYTAB_REMEDY: Final = "put the service's key there (kadmin: ktadd), or name another keytab (KRB5_KTNAME)"

_HINTS: Final = {
    _KRB5_ERRORS + 7: "the KDC does not know the service {target!r}: check the name, or make the principal",
    _KRB5_ERRORS + 32: "the Kerberos ticket has expired: run kinit",
    _KRB5_ERRORS + 33: "the clocks of this host and the KDC differ too much",
    _KRB5_ERRORS + 37: "the clocks of this host and the KDC or server differ too much",
    _KRB5_ERRORS + 154: "the realm is not known: check krb5.conf",
    _KRB5_ERRORS + 156: "no KDC can be reached: check the network and krb5.conf",
    _KRB5_ERRORS + 140: "that kind of credential cache is not known",
}

# What an acceptor of krb5 may say, read as an initiator.
_OLD_KEYTAB: Final = "its keytab does not have the KDC's key of that service: write the keytab anew there"
COMPLAINTS: Final = {
    _KRB5_ERRORS + 31: _OLD_KEYTAB,
    _KRB5_ERRORS + 32: "the Kerberos ticket has expired: run kinit",
    _KRB5_ERRORS + 33: "the clocks of this host and the server differ too much",
    _KRB5_ERRORS + 34: "it takes us for a replay: try again",
    NOT_OURS: "it does not answer for that service: check the name",
    _KRB5_ERRORS + 37: "the clocks of this host and the server differ too much",
    _KRB5_ERRORS + 44: _OLD_KEYTAB,
    _KRB5_ERRORS + 181: _OLD_KEYTAB,
}


def explained(error: GssError, demands: Demands) -> GssError:
    """The same error, with what an initiator can do about it."""
    hint = _HINTS.get(error.minor, "").format(target=demands.target)
    if not hint and error.major & 0x00FF0000 == GSS_S_NO_CRED:
        hint = "no credentials: run kinit, or name a credential cache or a client keytab"
    text = f"{hint} ({error.text})" if hint else error.text
    return type(error)(error.major, error.minor, text)
