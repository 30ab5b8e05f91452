"""How a client makes one context as its flavor wants it (RFC 2203, RFC 5403, RFC 7861): the exchange, by the latest
version that the server speaks, and then what binds it to the channel below and what its calls are to assert.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import trio

from rpcgss.gss.assertions import Assertion, Listed
from rpcgss.gss.children import MAX_CHILDREN, Controls
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.gss_xdr import RPCSEC_GSS_VERS_1, RPCSEC_GSS_VERS_2, RPCSEC_GSS_VERS_3
from rpcgss.gss.initiation import CreationRefused, Initiation, require_demanded
from rpcgss.gss.provider import Credentials
from rpcgss.rpc.errors import AuthenticationFailed
from rpcgss.rpc.flavors import Link
from rpcgss.rpc.messages import CallHeader
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import auth_stat

_ANOTHER_VERSION: Final = frozenset((auth_stat.AUTH_REJECTEDCRED, auth_stat.AUTH_BADCRED))
"""RFC 2203, 5.2.3.2; others say AUTH_BADCRED (libtirpc, ntirpc, gssrpc)."""

_log = QuietLog(logging.getLogger(__name__))


class Establishing:
    """What a flavor wants of its contexts, and how one is made that has all of it. The parameters are `GssFlavor`'s.

    listed -- what the server said last of the assertions that it knows
    """

    __slots__ = ("assertions", "bind_channel", "initiation", "list_assertions", "listed", "user", "versions")

    def __init__(
        self,
        initiation: Initiation,
        *,
        version: int,
        negotiate_down: bool,
        bind_channel: bool,
        user: Credentials | None,
        assertions: Sequence[Assertion],
        list_assertions: bool,
    ) -> None:
        self.initiation: Final = initiation
        self.bind_channel: Final = bind_channel
        self.user: Final = user
        self.assertions: Final = tuple(assertions)
        self.list_assertions: Final = list_assertions
        self.versions: Final = self._acceptable_versions(version, negotiate_down=negotiate_down)
        self.listed: Listed | None = None

    async def context(
        self, header: CallHeader, link: Link, discard: Callable[[ClientContext], None], *, carried: bool
    ) -> ClientContext:
        """A new context by an exchange, bound and with all that its calls are to assert.

        `carried`: this connection has carried one before. `discard` gets contexts that were made and then were of no
        use. Raises what `Initiation.run` does, but for `trio.TooSlowError`, in whose place it is
        `AuthenticationFailed`. Cancelled: the same as there.
        """
        target = self.initiation.demands.target
        try:
            return await self._completed(await self._negotiated(header, link, carried=carried), header, link, discard)
        except trio.TooSlowError as error:
            raise AuthenticationFailed(f"no security context with {target}: the server does not answer") from error

    async def bound_again(self, context: ClientContext, header: CallHeader, link: Link) -> ClientContext | None:
        """A context that was bound on an earlier connection, bound on this one, or another child of the same parent;
        None: neither can be. Raises `AuthenticationFailed`; of it `CreationRefused`, if the server does not want to."""
        controls = self.controls(header.program, header.version, link)
        try:
            if context.version == RPCSEC_GSS_VERS_2:
                await controls.bind(context)
                return context
            parent, inner = context.elders[0], next(iter(context.elders[1:]), None)
            if is_good(parent, trio.current_time()) and parent.births < MAX_CHILDREN:
                return await controls.create(parent, inner, self.assertions, bind_channel=True)
        except trio.TooSlowError as error:
            raise AuthenticationFailed(f"{self.initiation.demands.target} does not answer a control message") from error
        return None

    def as_demanded(self, recovered: ClientContext) -> bool:
        """Whether a context that an extension has made is of use."""
        try:
            require_demanded(self.initiation.demands, recovered.flags, recovered.mechanism)
        except AuthenticationFailed as failure:
            _log.warning("a recovered context is of no use: %s", failure, event="ticket.useless")
            return False
        return is_good(recovered, trio.current_time())

    def controls(self, program: int, version: int, link: Link) -> Controls:
        """For control messages in calls of this program on this connection."""
        initiation = self.initiation
        return Controls(initiation.demands.target, program, version, link, initiation.worker, initiation.patience)

    async def _negotiated(self, header: CallHeader, link: Link, *, carried: bool) -> ClientContext:
        """A context of the latest acceptable version that the server speaks. Each time the first one is tried first:
        that one was refused is not authenticated."""
        for version in self.versions:
            initiation = replace(self.initiation, gss_version=version)
            try:
                return await initiation.run(header.program, header.version, link, carried_context=carried)
            except CreationRefused as refusal:
                if refusal.stat not in _ANOTHER_VERSION or version == self.versions[-1]:
                    raise
                _log.info("%s; trying an earlier version, as told", refusal, event="context.negotiated_down")
        raise AssertionError("there is a last version")

    async def _completed(
        self, context: ClientContext, header: CallHeader, link: Link, discard: Callable[[ClientContext], None]
    ) -> ClientContext:
        """Bound, and with all that its calls are to assert."""
        made = [context]
        try:
            controls = self.controls(header.program, header.version, link)
            if self.bind_channel and context.version == RPCSEC_GSS_VERS_2:
                await controls.bind(context)
            if self.list_assertions:
                self.listed = await controls.listed(context)
            if context.version != RPCSEC_GSS_VERS_3 or not (self.bind_channel or self.user or self.assertions):
                return context
            if self.user is not None:
                demands = replace(self.initiation.demands, credentials=self.user)
                initiation = replace(self.initiation, demands=demands, gss_version=context.version)
                made.append(await initiation.run(header.program, header.version, link, carried_context=True))
            inner = made[1] if len(made) > 1 else None
            return await controls.create(context, inner, self.assertions, bind_channel=self.bind_channel)
        except BaseException:
            for one in made:
                discard(one)
            raise

    def _acceptable_versions(self, version: int, *, negotiate_down: bool) -> Sequence[int]:
        """The first is tried first. What is asked for sets the least, whatever may be negotiated."""
        least = RPCSEC_GSS_VERS_1
        if self.user is not None or self.assertions or self.list_assertions:
            least = RPCSEC_GSS_VERS_3
        elif self.bind_channel:
            least = RPCSEC_GSS_VERS_2
        if not least <= version <= RPCSEC_GSS_VERS_3:
            raise ValueError(f"RPCSEC_GSS version {version}: what is asked for takes one from {least} to 3")
        return range(version, (least if negotiate_down else version) - 1, -1)


def is_good(context: ClientContext, now: float) -> bool:
    """Whether it takes calls at trio time `now`."""
    return not context.expired(now) and not context.spent
