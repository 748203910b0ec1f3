/* What typed calls are tested with: the functions check what they are given themselves. */
#include <complex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers */
bool not_(bool b) { return !b; }
char next_char(char c) { return c + 1; }
int8_t neg8(int8_t v) { return -v; }
uint8_t inc_u8(uint8_t v) { return v + 1; }
int16_t neg16(int16_t v) { return -v; }
uint16_t inc_u16(uint16_t v) { return v + 1; }
int add(int a, int b) { return a + b; }
unsigned inc_u32(unsigned v) { return v + 1; }
long add_long(long a, long b) { return a + b; }
uint64_t inc_u64(uint64_t v) { return v + 1; }
float halff(float f) { return f / 2; }
double half(double d) { return d / 2; }
double mix(char a, short b, int c, long d, float e, double f, unsigned char g, bool h, long i, double j) {
  return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10;
}
void nothing(void) {}

/* Enumerations */
enum color { RED, GREEN = 5, BLUE = -7 };
typedef enum { SMALL = 1, LARGE = 200 } __attribute__((packed)) size_of;
enum wide { HUGE_ONE = 0x123456789abLL };
int color_value(enum color c) { return (int)c * 10; }
enum color mixed(enum color a, enum color b) { return a == RED && b == BLUE ? GREEN : RED; }
size_of larger(size_of s) { return s == SMALL ? LARGE : SMALL; }
enum widest { EVERY_BIT = 0xffffffffffffffff };
enum wide wider(enum wide w) { return w + 1; }

/* Text */
static char copied[64];
const char *greet(const char *name) {
  if (name == NULL) return NULL;
  snprintf(copied, sizeof copied, "hello %s", name);
  return copied;
}
char *duplicate(const char *text) { return strdup(text); }
size_t length(const char *text) { return strlen(text); }
void fill(char *into, size_t count) { memset(into, 'x', count); }

/* Structures */
struct point { int x, y; };
typedef struct { double x, y, z; } vec3;
struct mixed { double d; int i; short s; };
struct floats { float a, b, c; };
struct three { char c[3]; };
struct longs { long a, b; };
struct big { long a, b, c, d, e; };
union number { int i; float f; unsigned char bytes[4]; };
union fd { float f; double d; };
struct holder { union number n; int kind; };
struct flags { unsigned a : 3; int b : 5; unsigned long long c : 40; bool d : 1; unsigned : 4; unsigned char e : 8; };
struct __attribute__((packed)) tight { char c; int i; double d; };
struct __attribute__((packed)) tiny { char c; int i; };
struct __attribute__((packed)) packed { char c; long l, m; };
struct named { char name[8]; int scores[3]; struct point corners[2]; struct { int inner; }; const int fixed; };
typedef int (*unary)(int);
struct node { int value; struct node *next; const char *label; unary apply; void *user; enum color color; };
struct nan_bits { float f; };

int area(struct point p) { return p.x * p.y; }
int area_at(const struct point *p) { return p == NULL ? -1 : p->x * p->y; }
void move(struct point *p, int dx, int dy) { p->x += dx; p->y += dy; }
struct point swap(struct point p) { return (struct point){p.y, p.x}; }
vec3 scale(vec3 v, double by) { return (vec3){v.x * by, v.y * by, v.z * by}; }
struct mixed remix(struct mixed m) { return (struct mixed){m.i, (int)m.d, (short)(m.s + 1)}; }
struct floats rotate(struct floats f) { return (struct floats){f.b, f.c, f.a}; }
struct three reverse(struct three t) { return (struct three){{t.c[2], t.c[1], t.c[0]}}; }
struct longs twice(struct longs l) { return (struct longs){l.a * 2, l.b * 2}; }
struct big shift(int by, struct big b) { return (struct big){b.b + by, b.c + by, b.d + by, b.e + by, b.a + by}; }
union number as_float(union number n) { union number r; r.f = (float)n.i; return r; }
union fd doubled(union fd u) { union fd r; r.d = u.d * 2; return r; }
struct holder hold(struct holder h) { h.kind = h.n.i; h.n.i = 0x01020304; return h; }
struct flags flip(struct flags f) { f.a = ~f.a; f.b = -f.b; f.c += 1; f.d = !f.d; f.e ^= 0xff; return f; }
/* Registers run out: what does not fit whole goes to the stack. */
long spill(long a, long b, long c, long d, long e, struct longs s, long f) {
  return a + b * 2 + c * 3 + d * 4 + e * 5 + s.a * 6 + s.b * 7 + f * 8;
}
double spill_floats(vec3 v, double a, double b, double c, double d, double e, double f, double g, struct floats s, float h) {
  return v.x + v.y + v.z + a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + s.a * 8 + s.b * 9 + s.c * 10 + h * 11;
}
struct one { char c; };
struct two { short s; };
struct four { int i; };
struct six { short a, b, c; };
struct fi { float f; int i; };
struct di { double d; int i; };
struct df { double d; float f; };
struct deep { struct { struct point p; float w; } inner; char tail; };
struct one one(struct one v) { v.c++; return v; }
struct two two(struct two v) { v.s++; return v; }
struct four four(struct four v) { v.i++; return v; }
struct six six(struct six v) { return (struct six){v.c, v.a, v.b}; }
struct fi fi(struct fi v) { return (struct fi){v.i, (int)v.f}; }
struct di di(struct di v) { return (struct di){v.i, (int)v.d}; }
struct df df(struct df v) { return (struct df){v.f, (float)v.d}; }
struct deep deep(struct deep v) { v.inner.p.x += v.tail; v.inner.w *= 2; return v; }
vec3 unit_vec(void) { return (vec3){1, 1, 1}; }
struct nan_bits keep(struct nan_bits n) { return n; }
int tiny_by_value(struct tiny t) { return t.i; }
double tight_by_value(struct tight t) { return t.c + t.i + t.d; }
long packed_sum(struct packed p) { return p.c + p.l + p.m; }
int check_flags(const struct flags *f) {
  return f->a == 5 && f->b == -9 && f->c == 0xfedcba9876ULL && f->d == 1 && f->e == 0xa5;
}
void set_flags(struct flags *f) { f->a = 6; f->b = 10; f->c = 0x123456789aULL; f->d = 0; f->e = 0x5a; }
int check_tight(const struct tight *t) { return t->c == 'q' && t->i == -5 && t->d == 1.5; }
int check_named(const struct named *n) {
  return strcmp(n->name, "bind") == 0 && n->scores[0] == 1 && n->scores[1] == -2 && n->scores[2] == 0 &&
         n->corners[1].x == 30 && n->corners[1].y == 40 && n->inner == 9;
}
int sum_list(const struct node *n) {
  int sum = 0;
  for (; n != NULL; n = n->next) sum += n->apply == NULL ? n->value : n->apply(n->value);
  return sum;
}
static int negate(int v) { return -v; }
static struct node second = {2, NULL, "second", negate, NULL, GREEN};
static struct node first = {1, &second, "first", NULL, &second, BLUE};
struct node *list(void) { return &first; }
struct node *no_list(void) { return NULL; }

/* Arrays and pointers */
int sum(const int *values, size_t count) { int s = 0; for (size_t i = 0; i < count; i++) s += values[i]; return s; }
double sum_doubles(const double *values, int count) { double s = 0; for (int i = 0; i < count; i++) s += values[i]; return s; }
int sum_points(const struct point *points, int count) { int s = 0; for (int i = 0; i < count; i++) s += area(points[i]); return s; }
void divide(int a, int b, int *quotient, int *remainder) { *quotient = a / b; *remainder = a % b; }
void *identity(void *p) { return p; }
int *numbers(void) { static int n[4] = {10, 20, 30, 40}; return n; }
int join(const char **texts, int count) { int n = 0; for (int i = 0; i < count; i++) n += (int)strlen(texts[i]); return n; }
int row(int (*matrix)[3], int r) { return matrix[r][0] + matrix[r][1] + matrix[r][2]; }

/* Functions */
typedef int (*binary)(int, int);
int apply(binary f, int a, int b) { return f == NULL ? -1 : f(a, b); }
binary adder(void) { return add; }
static int (*kept)(int, int);
void keep_callback(binary f) { kept = f; }
int call_kept(int a, int b) { return kept(a, b); }
double each(int count, double (*f)(int index, struct point p, const char *name, long wide, const struct point *at, void *user), void *user) {
  double s = 0;
  for (int i = 0; i < count; i++) { struct point p = {i, i + 1}; s += f(i, p, "each", 1L << 40, &p, user); }
  return s;
}
vec3 make_vec(vec3 (*f)(double)) { vec3 v = f(2); v.x += 1; return v; }
const char *ask(const char *(*f)(enum color), enum color c) { return f(c); }
struct vast { char bytes[(1 << 20) + 1]; };
int vast_by_value(struct vast v) { return v.bytes[0]; }
struct large { char bytes[1 << 20]; };
int large_by_value(struct large a, struct large b) { return a.bytes[0] * 10 + b.bytes[(1 << 20) - 1]; }
typedef int (*comparison)(const int *, const int *);
void *note_any(void (*f)(void)) { return (void *)f; }
int compare_with(comparison f, int a, int b) { return f(&a, &b); }
long got_long; void *got_pointer; double got_double; vec3 got_vec; struct point got_point; int times_called;
int get_all(long (*l)(int), void *(*p)(int), double (*d)(int), vec3 (*v)(int), struct point (*q)(int)) {
  times_called = 0;
  got_long = l(1), got_pointer = p(2), got_double = d(3), got_vec = v(4), got_point = q(5);
  return 5;
}
uint64_t pass_wide(uint64_t (*f)(uint64_t, enum widest), uint64_t value, enum widest kind) { return f(value, kind); }
void sort(int *values, size_t count, int (*compare)(const void *, const void *)) { qsort(values, count, sizeof *values, compare); }

/* What can't be called, or not as it is */
int format(char *into, size_t size, const char *text, ...) {
  va_list list; va_start(list, text); int n = vsnprintf(into, size, text, list); va_end(list); return n;
}
int old_style() { return 42; }
long double precise(long double v) { return v; }
double complex rotate_complex(double complex z) { return z * I; }
typedef float v4 __attribute__((vector_size(16)));
v4 vector(v4 v) { return v; }
__int128 wide128(__int128 v) { return v; }
struct aligned16 { _Alignas(16) long a; long b; };
long aligned_by_value(struct aligned16 a) { return a.a + a.b; }
int with_long_double(const char *ok, long double bad) { return (int)bad + (ok != NULL); }

/* Variables */
int counter = 3;
const int fixed = 77;
uint64_t large = 0xfedcba9876543210;
bool flag = true;
enum color paint = GREEN;
const char *title = "a title";
char buffer[16] = "text";
int table[4] = {1, 2, 3, 4};
const short constants[3] = {7, 8, 9};
struct point origin = {3, 4};
const struct point unit = {1, 1};
struct node head = {5, &first, "head", negate, NULL, RED};
binary operation = add;
long double extended = 1.5L;
__thread int per_thread = 11;
int check_variables(void) {
  return counter == 30 && large == 1 && !flag && paint == BLUE && strcmp(buffer, "new") == 0 && table[2] == -3 &&
         origin.x == 6 && origin.y == 8 && head.value == 50 && head.next == &second && per_thread == 12;
}
