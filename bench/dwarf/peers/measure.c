/*
 * measure REPORT PROGRAM [ARGUMENT]...
 * Runs a program and writes to the file REPORT what it took: wall seconds from fork to exit, peak resident kilobytes,
 * exit status. A program of its own because a child's peak begins with that of who started it, and this one is small.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	double from = now();
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	int status;
	struct rusage usage;
	if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
		perror("measure");
		return 2;
	}
	double seconds = now() - from;
	FILE *report = fopen(argv[1], "w");
	if (report == NULL) {
		perror(argv[1]);
		return 2;
	}
	fprintf(report, "{\"wall\": %f, \"kilobytes\": %ld, \"status\": %d}\n", seconds, usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	fclose(report);
	return 0;
}
