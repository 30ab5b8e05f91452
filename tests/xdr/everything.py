"""A file with everything that the language has, for tests that need it."""

TEXT = """
const LIMIT = 5;
const NEGATIVE = -3;
const OCTAL = 010;
const GREETING = "hello";

enum colour { RED = 2, GREEN = 3, BLUE = -1 };
enum counted { ZERO, ONE, SIX = 6, SEVEN };
enum unsigned_enum { HIGH = 0xF0000000 };

typedef opaque four[4];
typedef opaque five[5];
typedef opaque some<LIMIT>;
typedef opaque any<>;
typedef string word<LIMIT>;
typedef string text<>;
typedef int three[3];
typedef unsigned hyper few<3>;
typedef word words<4>;
typedef colour colours<3>;
typedef bool flags<>;
typedef three square[3];
typedef int *maybe_number;
typedef colour shade;

struct numbers {
    int a; unsigned int b; hyper c; unsigned hyper d; float e; double f; quadruple g; bool h; colour i; unsigned j;
};
struct small { char a; unsigned char b; short c; unsigned short d; long e; unsigned long f; int8_t g; uint16_t h; };
struct octets { opaque a[3]; opaque b[8]; opaque c<7>; opaque d<>; string e<6>; string f<>; opaque g[0]; four h; };
struct outer { numbers first; int between; numbers second; four tail; };
struct arrays {
    int a[2]; bool b<3>; colour c[2]; outer d<2>; words e; word f[2]; four g<3>; maybe_number h<3>; char i<4>;
    double j<>; square k; some l<2>; unsigned_enum m;
};
struct optionals { int *a; outer *b; word_box *c; colour *d; maybe_number e; };
struct word_box { word box; };

union by_colour switch (colour which) {
case RED: int number;
case GREEN: void;
case BLUE: word words<2>;
};
union by_number switch (int which) {
case NEGATIVE: case 4: hyper long_one;
case 5: void;
default: text other;
};
union by_flag switch (bool which) { case TRUE: numbers all; case FALSE: void; };
union by_one switch (unsigned int which) { case 1: opaque only<>; };
union many switch (counted which) {
case ZERO: int a; case ONE: void; case SIX: text b; case SEVEN: by_flag c;
};
union crowded switch (int which) {
case 1: int a; case 2: int b; case 3: case 33: int c; case 4: void; case 5: word d; default: hyper e;
};
union same_name switch (colour which) { case RED: int which; default: void; };

struct node { word label; node *next; };
struct rich_node { int number; by_flag flag; word label; some_flag again; rich_node *next; };
union some_flag switch (bool there) { case FALSE: void; case TRUE: octets it; };
struct lists { node *a; int between; rich_node *b; };
typedef node *node_list;
struct tree { int value; tree *left; tree *right; };
struct forest { tree trees<>; int how_many; };
union expression switch (counted kind) { case ONE: int literal; case SIX: sum both; default: void; };
struct sum { expression left; expression right; };
struct branch { word name; branch inside<>; };
struct family { word name; family *children; family *next; };
struct chained_tree { int value; chained_tree below<>; chained_tree *next; };

struct nested {
    enum { UP, DOWN } direction;
    struct { int x; int y; } point;
    union switch (int z) { case 0: int deep; default: void; } choice;
};
struct names { int list; int class; int bytes; opaque str<4>; int self; int cursor; bytes dict; int length; };
typedef opaque bytes<4>;
struct encode { int decode; int to_bytes; colour colour; };

program TEST_PROG {
    version TEST_V1 {
        void    NULL(void) = 0;
        numbers NUMBERS(numbers) = 1;
        word    WORD(word) = 2;
        string  BARE(string) = 3;
        node    *NODES(node_list) = 4;
        colour  COLOUR(unsigned int) = 5;
        void    ANSWER(void) = 6;
    } = 1;
    version TEST_V2 { void NULL(void) = 0; int SUM(int a, int b) = 1; } = 2;
} = 0x20000001;
"""
