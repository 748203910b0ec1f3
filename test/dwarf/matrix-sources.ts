/** Sources that make compilers write most of what they can: a kernel module in small, and some C++. */

export const C = `
#define __init __attribute__((section(".init.text")))
#define __exit __attribute__((cold, section(".exit.text")))
struct pair { int a, b; long c; unsigned bits : 3; int more : 9; };
union word { unsigned char bytes[4]; unsigned value; float real; };
enum color { RED = -1, GREEN = 70000, BLUE = 0x7fffffff };
typedef int (*callback)(const struct pair *, void *);
struct list { struct list *next; volatile const char *name; callback call; union word word; };
static int hidden[4];
__thread int local = 3;
const double ratio = 0.25;
long long big = 0x123456789abcdefLL;
static struct list head = { &head, "head", 0, { { 1, 2, 3, 4 } } };
int other(int, const void *);
static inline int inner(int a, int b) {
  int c = other(a, &hidden[b & 3]);
  if (c > 3) { c += other(c, 0); }
  return c * 2;
}
int first(int a, int b) {
  struct pair v = { a, b, 7 };
  int r = 0;
  for (int i = 0; i < a; i++) { v.a += i; r += inner(v.a, v.b) + local; }
  return r + v.b;
}
__init int module_init(int n) {
  int k = n * 3;
  k = inner(k, n);
  enum color q = k > 100 ? GREEN : RED;
  if (q == GREEN) other(n, hidden);
  head.call = 0;
  return k;
}
__exit void module_exit(void) { hidden[0] = other(hidden[1], &head); }
double third(double x, float y, int n) {
  double z = x * y;
  int m = other(n, 0);
  unsigned char t = m;
  z += t + ratio;
  return z * m;
}
int variable(int n, ...) { char room[n]; return other(n, room); }
int choose(int n) {
  switch (n) { case 0: return other(1, 0); case 1: return 7; case 2: return other(n, hidden); case 3: return n * 9; case 4: return 11; }
  return -n;
}
`;

export const CXX = `
namespace outer { namespace {
  int counter;
} inline namespace v1 { struct Base { virtual ~Base(); virtual int f(int) const = 0; int kept : 5; }; } }
template <typename T, int N> struct Box : outer::Base {
  T items[N]; static const int size = N; mutable int calls = 0;
  int f(int at) const override { return at < N ? items[at] + ++const_cast<Box *>(this)->calls : -1; }
  template <typename U> U as(int at) const { return U(items[at]); }
};
enum class Kind : unsigned char { small = 1, large = 200 };
struct Error { int code; };
using Big = Box<long, 9>;
int outside(int);
auto twice = [](int a) { return outside(a) * 2; };
int use(const Box<int, 4> &box, Kind &&kind, int Error::*member) {
  Error error{3};
  try { outer::counter += box.f(outside(error.*member)) + box.as<short>(2); if (kind == Kind::large) throw error; }
  catch (const Error &caught) { return caught.code; }
  return twice(outer::counter);
}
Big global;
struct Local { ~Local() { outside(1); } };
int guarded(int a) { Local one; static Local two; return outside(a); }
decltype(nullptr) nothing() { return nullptr; }
[[noreturn]] void never() { for (;;) outside(0); }
`;
