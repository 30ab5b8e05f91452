/* A client by libnfs that reads one file: `libnfs_reader URL BLOCK IN_FLIGHT`, with as many READs of BLOCK octets in
   flight, says "ok OCTETS NANOSECONDS", or what went wrong. */

/* What its header takes for granted. */
#include <stdint.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <nfsc/libnfs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_IN_FLIGHT = 64 };

static struct nfs_context *nfs;
static struct nfsfh *file;
static uint64_t size, asked, got, block;
static int waiting;

static void fail(const char *what) {
    printf("%s: %s\n", what, nfs == NULL ? "no memory" : nfs_get_error(nfs));
    exit(0);
}

static void ask(void *buffer);

static void answered(int status, struct nfs_context *context, void *data, void *buffer) {
    (void)context;
    (void)data;
    waiting--;
    if (status <= 0)
        fail("READ");
    got += status;
    ask(buffer);
}

static void ask(void *buffer) {
    uint64_t count = size - asked < block ? size - asked : block;
    int status;

    if (count == 0)
        return;
#ifdef LIBNFS_API_V2
    status = nfs_pread_async(nfs, file, buffer, count, asked, answered, buffer);
#else
    status = nfs_pread_async(nfs, file, asked, count, answered, buffer);
#endif
    if (status != 0)
        fail("READ");
    asked += count;
    waiting++;
}

static void serve(void) {
    struct pollfd descriptor = {.fd = nfs_get_fd(nfs), .events = nfs_which_events(nfs)};

    if (poll(&descriptor, 1, -1) < 0 || nfs_service(nfs, descriptor.revents) < 0)
        fail("connection");
}

static long long nanoseconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void open_file(const char *text) {
    struct nfs_url *url;
    struct nfs_stat_64 status;

    nfs = nfs_init_context();
    if (nfs == NULL)
        fail("context");
    url = nfs_parse_url_full(nfs, text);
    if (url == NULL)
        fail("URL");
    if (nfs_mount(nfs, url->server, url->path) != 0)
        fail("mount");
    if (nfs_open(nfs, url->file, 0, &file) != 0 || nfs_fstat64(nfs, file, &status) != 0)
        fail("open");
    size = status.nfs_size;
    nfs_destroy_url(url);
}

int main(int argc, char **argv) {
    long long began;
    int in_flight;

    if (argc != 4)
        return 2;
    block = strtoull(argv[2], NULL, 10);
    in_flight = atoi(argv[3]);
    if (in_flight > MOST_IN_FLIGHT)
        return 2;
    open_file(argv[1]);
    began = nanoseconds();
    for (int at = 0; at < in_flight; at++)
        ask(malloc(block));
    while (waiting > 0)
        serve();
    if (got != size)
        fail("short");
    printf("ok %llu %lld\n", (unsigned long long)got, nanoseconds() - began);
    return 0;
}
