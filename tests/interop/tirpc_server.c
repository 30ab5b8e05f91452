/* A server by libtirpc, for the program of tests/rpc/program.py, on a free port of loopback, without rpcbind.

   tirpc_server tcp|udp SERVICE@HOST

   It says "port N" when it is ready, cuts all its connections whenever it is told a line, and ends when its standard
   input does. */

#include <poll.h>
#include <rpc/rpc.h>
#include <rpc/rpcsec_gss.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROGRAM = 0x20000042, VERSION = 3, ECHO = 1, WHO = 7 };
enum { BUFFER = 256 * 1024, LARGEST_DATAGRAM = 65000, MOST_CONNECTIONS = 64 };

struct octets {
    u_int length;
    char *data;
};

static bool_t xdr_octets(XDR *xdrs, struct octets *octets) {
    return xdr_bytes(xdrs, &octets->data, &octets->length, 4000000);
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void echo(SVCXPRT *transport) {
    struct octets octets = {0, NULL};

    if (!svc_getargs(transport, (xdrproc_t)xdr_octets, (char *)&octets))
        svcerr_decode(transport);
    else
        svc_sendreply(transport, (xdrproc_t)xdr_octets, (char *)&octets);
    svc_freeargs(transport, (xdrproc_t)xdr_octets, (char *)&octets);
}

static const char *who_sys(struct svc_req *request, char *text, size_t size) {
    struct authunix_parms *caller = (struct authunix_parms *)request->rq_clntcred;

    snprintf(text, size, "sys %u:%u", (unsigned)caller->aup_uid, (unsigned)caller->aup_gid);
    return text;
}

static const char *who_gss(struct svc_req *request, char *text, size_t size) {
    static const char *const services[] = {"?", "krb5", "krb5i", "krb5p"};
    rpc_gss_rawcred_t *caller;
    rpc_gss_ucred_t *user;
    void *cookie;

    if (!rpc_gss_getcred(request, &caller, &user, &cookie))
        return "unknown";
    snprintf(text, size, "%s %s", services[caller->service & 3], caller->svc_principal);
    return text;
}

static void who(struct svc_req *request) {
    char text[256];
    const char *caller = "none";

    if (request->rq_cred.oa_flavor == AUTH_SYS)
        caller = who_sys(request, text, sizeof text);
    if (request->rq_cred.oa_flavor == RPCSEC_GSS)
        caller = who_gss(request, text, sizeof text);
    svc_sendreply(request->rq_xprt, (xdrproc_t)xdr_wrapstring, (char *)&caller);
}

static void dispatch(struct svc_req *request, SVCXPRT *transport) {
    switch (request->rq_proc) {
    case NULLPROC:
        svc_sendreply(transport, (xdrproc_t)xdr_void, NULL);
        return;
    case ECHO:
        echo(transport);
        return;
    case WHO:
        who(request);
        return;
    default:
        svcerr_noproc(transport);
    }
}

static int listening_socket(bool_t udp) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || (!udp && listen(fd, 16) < 0))
        fail("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        fail("getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    return fd;
}

/* The contexts go with the connections. The listening socket is left alone. */
static void cut_connections(int listener) {
    char line[64];

    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        exit(0);
    for (int at = 0; at < svc_max_pollfd; at++)
        if (svc_pollfd[at].fd >= 0 && svc_pollfd[at].fd != listener)
            shutdown(svc_pollfd[at].fd, SHUT_RDWR);
    puts("cut");
    fflush(stdout);
}

/* What svc_run does, with an eye on standard input. */
static void serve(int listener) {
    for (;;) {
        struct pollfd descriptors[MOST_CONNECTIONS + 1];
        int count = svc_max_pollfd, ready;

        if (count > MOST_CONNECTIONS)
            fail("more connections than expected");
        memcpy(descriptors, svc_pollfd, count * sizeof descriptors[0]);
        descriptors[count].fd = STDIN_FILENO;
        descriptors[count].events = POLLIN;
        ready = poll(descriptors, count + 1, -1);
        if (ready < 0)
            fail("poll");
        if (descriptors[count].revents)
            cut_connections(listener);
        else
            svc_getreq_poll(descriptors, ready);
    }
}

int main(int argc, char **argv) {
    SVCXPRT *transport;
    bool_t udp;
    int listener;

    if (argc != 3)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    udp = strcmp(argv[1], "udp") == 0;
    listener = listening_socket(udp);
    if (udp)
        transport = svc_dg_create(listener, LARGEST_DATAGRAM, LARGEST_DATAGRAM);
    else
        transport = svc_vc_create(listener, BUFFER, BUFFER);
    if (transport == NULL || !svc_reg(transport, PROGRAM, VERSION, dispatch, NULL))
        fail("svc_reg");
    if (!rpc_gss_set_svc_name(argv[2], "kerberos_v5", 0, PROGRAM, VERSION))
        fail("rpc_gss_set_svc_name");
    fflush(stdout);
    serve(listener);
}
