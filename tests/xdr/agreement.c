/*
 * Decodes and encodes again, with code made by rpcgen. In: lines of "TYPE LENGTH" and that many octets. Out: "LENGTH",
 * a newline, and the octets; or "no". TYPES is a list of TYPE(name) made for the file at hand.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include HEADER

static const struct { const char *name; xdrproc_t codec; size_t size; } types[] = {
#define TYPE(name) { #name, (xdrproc_t)xdr_##name, sizeof(name) },
    TYPES
};

static void again(xdrproc_t codec, size_t size, char *octets, unsigned length)
{
    void *value = calloc(1, size + 1);
    char *out = calloc(1, length + 4);
    XDR in, back;

    xdrmem_create(&in, octets, length, XDR_DECODE);
    xdrmem_create(&back, out, length + 4, XDR_ENCODE);
    if (codec(&in, value) && xdr_getpos(&in) == length && codec(&back, value)) {
        printf("%u\n", xdr_getpos(&back));
        fwrite(out, 1, xdr_getpos(&back), stdout);
    } else {
        puts("no");
    }
    free(out);
}

int main(void)
{
    char name[256];
    unsigned length;
    size_t i;

    while (scanf("%255s %u", name, &length) == 2) {
        char *octets = malloc(length + 1);

        getchar();
        if (fread(octets, 1, length, stdin) != length)
            return 1;
        for (i = 0; i < sizeof types / sizeof *types; i++)
            if (!strcmp(types[i].name, name))
                again(types[i].codec, types[i].size, octets, length);
        free(octets);
    }
    return 0;
}
