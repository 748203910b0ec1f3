/* One of each kind of type that C has, behind functions and variables that are exported. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Opaque;
struct Node;
union Any;

typedef int (*compare_t)(const void *, const void *);
typedef struct {
  int x, y;
} point_t;
enum Color { RED, GREEN = 5, BLUE = -1 };
enum Wide { SMALL = 1, LARGE = 0x80000000u };
typedef enum { ONE = 1, TWO } nameless_t;

struct Bits {
  unsigned char kind : 3;
  bool on : 1;
  unsigned : 0;
  int sign : 5;
  long long wide : 40;
  enum Color color : 4;
};

union Any {
  int number;
  float real;
  struct {
    short low, high;
  };
  char text[4];
};

struct Node {
  struct Node *next, **link;
  const char *name;
  union Any any;
  struct Bits bits;
  point_t corners[2][3];
  compare_t compare;
  int (*visit)(struct Node *, volatile int *const, void (*)(struct Opaque *));
  _Atomic int references;
  struct Tree *tree;
  char tail[];
};

struct Tree {
  struct Node *root;
  struct Tree *children[4];
  struct {
    int depth;
    struct {
      double weight;
    } inner;
  } facts;
};

typedef struct Node node_t;
typedef double pair __attribute__((vector_size(16)));
struct __attribute__((packed)) Packed {
  char tag;
  long value;
  short last;
};
struct Aligned {
  char first;
  _Alignas(32) int second;
};

static int helper(int value) { return value * 2; }

int node_visit(struct Node *node, const node_t *other, size_t count) { return helper((int)count) + (node == other); }
struct Tree *tree_make(struct Opaque *from, enum Color color, enum Wide wide, nameless_t one) { return 0; }
point_t point_move(point_t point, const int by) { return point; }
void nothing(void) {}
int unknown() { return 0; }
int old(a, b) char a; long b; { return a + (int)b; }
int print(const char *format, ...) { return *format; }
int vprint(const char *restrict format, va_list list) { return *format; }
long double numbers(signed char a, unsigned char b, short c, unsigned short d, unsigned e, long f, unsigned long g,
                    long long h, unsigned long long i, float j, double k, long double l, _Complex double m,
                    unsigned __int128 n, bool o, char p) { return l; }
pair vectors(pair a) { return a; }
void layouts(struct Packed *packed, struct Aligned *aligned, const int (*rows)[3], int table[4]) {}
compare_t chosen(compare_t (*choose)(int)) { return choose(1); }
uint64_t fixed(int8_t a, uint16_t b, int32_t c, intptr_t d) { return b; }

struct Node head;
const char *const names[] = {"a", "b"};
static int local;
int *volatile watched = &local;
_Thread_local int per_thread;
compare_t compare_with;
