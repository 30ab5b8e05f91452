/* A client by libtirpc, for the program of tests/rpc/program.py. It does what it is told on standard input:

   tirpc_client tcp|udp PORT SERVICE@HOST

   open none|sys|krb5|krb5i|krb5p    a new connection, and with GSS a new context
   null, who, echo OCTETS            one call
   close                             which destroys the context

   and answers each with a line: "ok", for `who` the server's words after it, or what went wrong. For bench/:

   loop OCTETS 1 MILLISECONDS        echo, or null for no octets, one after the other: "ok CALLS NANOSECONDS"
   contexts 1 MILLISECONDS           the same of open, as last time, with one call under each context */

#include <rpc/rpc.h>
#include <rpc/rpcsec_gss.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PROGRAM = 0x20000042, VERSION = 3, ECHO = 1, WHO = 7 };
enum { BUFFER = 256 * 1024, LARGEST_DATAGRAM = 65000 };

struct octets {
    u_int length;
    char *data;
};

static const struct timeval PATIENCE = {20, 0};
static CLIENT *client;

static bool_t xdr_octets(XDR *xdrs, struct octets *octets) {
    return xdr_bytes(xdrs, &octets->data, &octets->length, 4000000);
}

static void say(const char *words) {
    puts(words);
    fflush(stdout);
}

static void close_client(void) {
    if (client == NULL)
        return;
    auth_destroy(client->cl_auth);
    clnt_destroy(client);
    client = NULL;
}

static CLIENT *connected(bool_t udp, int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    struct netbuf where = {sizeof address, sizeof address, &address};
    int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    CLIENT *made;

    if (fd < 0 || (!udp && connect(fd, (struct sockaddr *)&address, sizeof address) < 0))
        return NULL;
    if (udp)
        made = clnt_dg_create(fd, &where, PROGRAM, VERSION, LARGEST_DATAGRAM, LARGEST_DATAGRAM);
    else
        made = clnt_vc_create(fd, &where, PROGRAM, VERSION, BUFFER, BUFFER);
    if (made != NULL)
        clnt_control(made, CLSET_FD_CLOSE, NULL);
    return made;
}

static AUTH *gss(char *target, rpc_gss_service_t service) {
    return rpc_gss_seccreate(client, target, "kerberos_v5", service, NULL, NULL, NULL);
}

static AUTH *authenticator(const char *security, char *target) {
    if (strcmp(security, "none") == 0)
        return authnone_create();
    if (strcmp(security, "sys") == 0)
        return authunix_create("client", 1001, 1002, 0, NULL);
    if (strcmp(security, "krb5") == 0)
        return gss(target, rpcsec_gss_svc_none);
    if (strcmp(security, "krb5i") == 0)
        return gss(target, rpcsec_gss_svc_integrity);
    return gss(target, rpcsec_gss_svc_privacy);
}

static const char *open_client(bool_t udp, int port, const char *security, char *target) {
    AUTH *auth;

    close_client();
    client = connected(udp, port);
    if (client == NULL)
        return "no connection";
    auth = authenticator(security, target);
    if (auth == NULL) {
        close_client();
        return "no context";
    }
    client->cl_auth = auth;
    return "ok";
}

static enum clnt_stat call_null(void) {
    return clnt_call(client, NULLPROC, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, PATIENCE);
}

static enum clnt_stat call_echo(struct octets *sent, struct octets *received) {
    return clnt_call(
        client, ECHO, (xdrproc_t)xdr_octets, (char *)sent, (xdrproc_t)xdr_octets, (char *)received, PATIENCE);
}

static void null(void) {
    say(call_null() == RPC_SUCCESS ? "ok" : clnt_sperror(client, "NULL"));
}

static void who(void) {
    char *caller = NULL;
    enum clnt_stat stat = clnt_call(
        client, WHO, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_wrapstring, (char *)&caller, PATIENCE);

    if (stat == RPC_SUCCESS)
        printf("ok ");
    say(stat == RPC_SUCCESS ? caller : clnt_sperror(client, "WHO"));
    free(caller);
}

static void echo(u_int length) {
    struct octets sent = {length, malloc(length + 1)}, received = {0, NULL};
    enum clnt_stat stat;

    for (u_int at = 0; at < length; at++)
        sent.data[at] = (char)(at * 31 + length);
    stat = call_echo(&sent, &received);
    if (stat != RPC_SUCCESS)
        say(clnt_sperror(client, "ECHO"));
    else
        say(received.length == length && memcmp(sent.data, received.data, length) == 0 ? "ok" : "other octets");
    free(sent.data);
    free(received.data);
}

static long long nanoseconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void loop(u_int length, u_int milliseconds) {
    struct octets sent = {length, calloc(length + 1, 1)}, received;
    long long began = nanoseconds(), until = began + milliseconds * 1000000LL;
    enum clnt_stat stat = RPC_SUCCESS;
    unsigned calls = 0;

    while (stat == RPC_SUCCESS && nanoseconds() < until) {
        received = (struct octets){0, NULL};
        stat = length == 0 ? call_null() : call_echo(&sent, &received);
        if (stat == RPC_SUCCESS && received.length != length)
            stat = RPC_CANTDECODERES;
        free(received.data);
        calls++;
    }
    if (stat == RPC_SUCCESS)
        printf("ok %u %lld", calls, nanoseconds() - began);
    say(stat == RPC_SUCCESS ? "" : clnt_sperror(client, "loop"));
    free(sent.data);
}

static void contexts(bool_t udp, int port, const char *security, char *target, u_int milliseconds) {
    long long began = nanoseconds(), until = began + milliseconds * 1000000LL;
    const char *outcome = "ok";
    unsigned opened = 0;

    while (strcmp(outcome, "ok") == 0 && nanoseconds() < until) {
        outcome = open_client(udp, port, security, target);
        if (strcmp(outcome, "ok") == 0 && call_null() != RPC_SUCCESS)
            outcome = clnt_sperror(client, "contexts");
        opened++;
    }
    if (strcmp(outcome, "ok") == 0)
        printf("ok %u %lld", opened, nanoseconds() - began);
    say(strcmp(outcome, "ok") == 0 ? "" : outcome);
}

int main(int argc, char **argv) {
    char line[64], word[64], security[64] = "none";
    u_int length, milliseconds;
    bool_t udp;

    if (argc != 4)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    udp = strcmp(argv[1], "udp") == 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "open %63s", security) == 1)
            say(open_client(udp, atoi(argv[2]), security, argv[3]));
        else if (sscanf(line, "contexts 1 %u", &milliseconds) == 1)
            contexts(udp, atoi(argv[2]), security, argv[3], milliseconds);
        else if (client == NULL || sscanf(line, "%63s", word) != 1)
            say("not open");
        else if (sscanf(line, "echo %u", &length) == 1)
            echo(length);
        else if (sscanf(line, "loop %u 1 %u", &length, &milliseconds) == 2)
            loop(length, milliseconds);
        else if (strcmp(word, "null") == 0)
            null();
        else if (strcmp(word, "who") == 0)
            who();
        else if (strcmp(word, "close") == 0) {
            close_client();
            say("ok");
        } else
            say("what?");
    }
    close_client();
    return 0;
}
