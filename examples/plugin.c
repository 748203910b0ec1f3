/*
 * A plug-in: readings of sensors come in, a summary goes out, and the program is called when one is too high.
 *
 *     gcc -c -g plugin.c
 *
 * The object is what the program loads. It offers what is not static, and needs one function of the program.
 */

struct reading {
  char sensor[16];
  double value;
};

struct summary {
  int count;
  double least, greatest, mean;
};

/* Called with a reading that is too high. */
typedef void alarm_function(const struct reading *reading, double limit);

/* The program's. */
void host_log(const char *line);

/* How far above its limit a reading is let pass. */
static const double tolerance = 0;

static struct state {
  alarm_function *alarm;
  double limit;
  int count;
  double sum, least, greatest;
} now;

__attribute__((constructor)) static void begin(void)
{
  host_log("plug-in: here");
}

__attribute__((destructor)) static void end(void)
{
  host_log("plug-in: gone");
}

/* Calls `alarm` for each reading above `limit` from now on. It must stay callable until the plug-in goes. */
void watch(double limit, alarm_function *alarm)
{
  now.limit = limit;
  now.alarm = alarm;
}

/* Takes one reading in; gives how many there are. */
int take(const struct reading *reading)
{
  double value = reading->value;
  if (now.count == 0 || value < now.least)
    now.least = value;
  if (now.count == 0 || value > now.greatest)
    now.greatest = value;
  now.sum += value;
  if (now.alarm && value > now.limit + tolerance)
    now.alarm(reading, now.limit);
  return ++now.count;
}

/* What came in so far. */
struct summary summarize(void)
{
  return (struct summary){ now.count, now.least, now.greatest, now.count ? now.sum / now.count : 0 };
}

/* A new version is given what the old one knew. */
void *save(void)
{
  return &now;
}

void restore(void *before)
{
  now = *(struct state *)before;
}
