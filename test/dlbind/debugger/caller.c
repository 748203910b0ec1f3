/* C frames around generated code. */
#include <stdlib.h>

typedef int (*leaf)(int, int);
typedef int (*middle)(leaf, int, int);

__attribute__((noinline)) int c_caller(middle outer, leaf inner, int a, int b)
{
	int result = outer(inner, a, b);
	__asm__ volatile("" : "+r"(result));
	return result;
}

/* Called back by generated code. */
__attribute__((noinline)) int c_callee(int a, int b)
{
	__asm__ volatile("" : "+r"(a), "+r"(b));
	return a - b;
}

/* Where debuggers wait for the process. */
__attribute__((noinline)) void c_pause(void)
{
	__asm__ volatile("");
}
