/* The training of tests/plugins/counted as a static program, for an image of one file.

   It stands in the place of `sh`, so the command of the container starts it. It reads `lines`, `pause` and
   `checkpoint_every` from the task's config, and prints and saves what train.py does. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TASK "/sly_task_data"
#define STAMP "\"timestamp\": \"2026-01-01T00:00:00.000Z\", \"level\": \"info\"}\n"

static char config[1 << 16];

static double setting(const char *name, double otherwise) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *found = strstr(config, key);
  return found ? atof(found + strlen(key)) : otherwise;
}

/* One write for each line, as a line that Python flushes. */
static void say(int stream, const char *line) {
  size_t length = strlen(line);
  while (length) {
    ssize_t done = write(stream, line, length);
    if (done < 0 && errno != EINTR) exit(1);
    if (done > 0) line += done, length -= done;
  }
}

static void save(long index) {
  char folder[128], path[160], line[512];
  snprintf(folder, sizeof folder, TASK "/results/%08ld", index);
  mkdir(folder, 0755);
  snprintf(path, sizeof path, "%s/config.json", folder);
  FILE *out = fopen(path, "w");
  fprintf(out, "{\"settings\": {}, \"classes\": [], \"class_title_to_idx\": {}}");
  fclose(out);
  snprintf(path, sizeof path, "%s/model.pt", folder);
  out = fopen(path, "w");
  for (int i = 0; i < 100; i++) fprintf(out, "%08ld", index);
  fclose(out);
  snprintf(line, sizeof line,
           "{\"message\": \"checkpoint\", \"event_type\": \"EventType.CHECKPOINT\", \"id\": %ld, "
           "\"subdir\": \"%08ld\", \"sizeb\": 800, \"best_now\": %s, \"optional\": null, " STAMP,
           index, index, index ? "false" : "true");
  say(2, line);
}

static void end(int signal) { _exit(128 + signal); }

int main(int argc, char **argv) {
  signal(SIGTERM, end); /* as the first process of a container it would not notice, and the engine would wait 10 s */
  if (argc < 3 || strncmp(argv[2], "python", 6)) return 127;
  FILE *file = fopen(TASK "/task_config.json", "r");
  if (!file) return 2;
  config[fread(config, 1, sizeof config - 1, file)] = 0;
  fclose(file);
  long lines = setting("lines", 40), every = setting("checkpoint_every", 10);
  double pause = setting("pause", 0);
  struct timespec time = {(time_t)pause, (long)((pause - (time_t)pause) * 1e9)};
  char line[512];
  for (long number = 1; number <= lines; number++) {
    snprintf(line, sizeof line, "out %ld\n", number);
    say(1, line);
    snprintf(line, sizeof line, "err %ld\n", number);
    say(2, line);
    snprintf(line, sizeof line,
             "{\"message\": \"metrics\", \"event_type\": \"EventType.METRICS\", \"type\": \"train\", "
             "\"epoch\": %ld, \"metrics\": {\"loss\": %.17g}, " STAMP,
             number, 1.0 / number);
    say(2, line);
    nanosleep(&time, NULL);
    if (number % every == 0) save(number / every - 1);
  }
  return 0;
}
