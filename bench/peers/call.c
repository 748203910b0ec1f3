/* What `bench:dynld` calls: as little as can be, so that what is measured is the way there and back. */
struct point {
  int x, y;
};
struct vector {
  double x, y, z;
};

void nothing(void) {}
int add(int a, int b) { return a + b; }
double multiply(double a, double b) { return a * b; }
long add_long(long a, long b) { return a + b; }
int many(int a, unsigned b, short c, unsigned char d, double e, float f, int g, int h) {
  return a + (int)b + c + d + (int)e + (int)f + g + h;
}
int first(const char *text) { return *text; }
int area(struct point p) { return p.x * p.y; }
int area_at(const struct point *p) { return p->x * p->y; }
int first_of(const int *values) { return *values; }
struct vector vector(double x) { return (struct vector){x, x, x}; }
int apply(int (*f)(int, int), int a, int b) { return f(a, b); }
