/* libtirpc finding and registering the program of tests/rpc/program.py by rpcbind.

   tirpc_binding call HOST tcp|udp    finds the program and makes a NULL call: "ok", or what went wrong
   tirpc_binding serve                serves it by TCP and UDP, registered, until standard input ends: "ready" */

#include <poll.h>
#include <rpc/pmap_clnt.h>
#include <rpc/rpc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROGRAM = 0x20000042, VERSION = 3, MOST = 16 };

static int call(const char *host, const char *protocol) {
    static const struct timeval patience = {10, 0};
    CLIENT *client = clnt_create(host, PROGRAM, VERSION, protocol);

    if (client == NULL) {
        puts(clnt_spcreateerror("clnt_create"));
        return 1;
    }
    if (clnt_call(client, NULLPROC, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, patience) != RPC_SUCCESS) {
        puts(clnt_sperror(client, "NULL"));
        return 1;
    }
    clnt_destroy(client);
    puts("ok");
    return 0;
}

static void dispatch(struct svc_req *request, SVCXPRT *transport) {
    if (request->rq_proc == NULLPROC)
        svc_sendreply(transport, (xdrproc_t)xdr_void, NULL);
    else
        svcerr_noproc(transport);
}

static int serve(void) {
    SVCXPRT *tcp = svctcp_create(RPC_ANYSOCK, 0, 0), *udp = svcudp_create(RPC_ANYSOCK);

    if (tcp == NULL || udp == NULL || !svc_register(tcp, PROGRAM, VERSION, dispatch, IPPROTO_TCP) ||
        !svc_register(udp, PROGRAM, VERSION, dispatch, IPPROTO_UDP)) {
        puts("cannot register");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd descriptors[MOST + 1];
        int count = svc_max_pollfd < MOST ? svc_max_pollfd : MOST, ready;

        memcpy(descriptors, svc_pollfd, count * sizeof descriptors[0]);
        descriptors[count].fd = STDIN_FILENO;
        descriptors[count].events = POLLIN;
        descriptors[count].revents = 0;
        ready = poll(descriptors, count + 1, -1);
        if (descriptors[count].revents)
            break;
        svc_getreq_poll(descriptors, ready);
    }
    return pmap_unset(PROGRAM, VERSION) ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "call") == 0)
        return call(argv[2], argv[3]);
    return argc == 2 && strcmp(argv[1], "serve") == 0 ? serve() : 2;
}
