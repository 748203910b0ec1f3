// Classes, references, namespaces and templates, behind functions that are exported.
namespace space {
class Shape {
public:
  virtual ~Shape();
  virtual int area() const = 0;
  int color;
protected:
  unsigned long weight;
};
struct Point {
  long x, y;
  static int count;
};
template <typename T, unsigned long N> struct Box {
  T items[N];
  Box *next;
};
class Square : public Shape {
public:
  Square(int side) : side(side) {}
  ~Square() override;
  int area() const override { return side * side; }
  Point at(Point &from, const Point &to, Point &&moved);
  Box<unsigned long, 3> box;
private:
  int side;
};
enum class Level : unsigned char { LOW, HIGH = 200 };
int measure(const Shape &shape, Level level);
namespace {
struct Hidden {
  int value;
};
}
int hidden(Hidden *one) { return one->value; }
}
int space::Point::count = 0;
space::Shape::~Shape() {}
space::Square::~Square() {}
space::Point space::Square::at(Point &from, const Point &to, Point &&moved) { return from; }
int space::measure(const Shape &shape, Level level) { return shape.area() + static_cast<int>(level); }
space::Box<space::Point, 2> boxes;
long sum(space::Box<long unsigned int, 3UL> *box, int (space::Square::*method)() const, decltype(nullptr) none) {
  return box->items[0];
}
template <typename F> struct Holder {
  F *function;
};
int hold(Holder<int(const space::Point &, long unsigned int)> *holder) { return 0; }
enum Policy { SINGLE, ATOMIC = 2 };
template <Policy P, space::Level L, bool B> struct Chosen {
  int value;
};
int choose(Chosen<ATOMIC, space::Level::HIGH, true> chosen) { return chosen.value; }
extern "C" int plain(int a, bool b, char16_t c, wchar_t d) { return a + b + c + d; }
space::Square made(3);
