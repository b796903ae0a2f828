// Writes a tree at full speed in all the ways that a copy can miss: what stands in one file follows from what
// was written to others before.
//
//   writer churn DIR    says `going` once DIR is full, then goes on for ever; DIR/step has the step it is at
//   writer replay DIR   the same up to each step read from stdin; says `at` then: any state of churn, again
//   writer mapped FILE  maps FILE, and for each letter read from stdin stores it through the mapping; says
//   `stored`
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { DIRS = 20, FILES = 15, MAPPED = 8, MAPPED_BYTES = 64 << 10, PAGE = 4096, PAGES = 256, ODD = 16 };

static uint64_t hash = 14695981039346656037u;
static char* mapped[MAPPED];
static char moved[DIRS];  // whether the directory has its other name
static char turn[ODD];    // the other mode than the one before: what a step has replaced is never as it was

static void must(long result, const char* what) {
  if (result >= 0) return;
  fprintf(stderr, "writer: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t chain(uint64_t with) {
  hash = (hash ^ with) * 1099511628211u;
  hash ^= hash >> 29;
  return hash;
}

static const char* dir_name(int dir) {
  static char name[32];
  snprintf(name, sizeof name, moved[dir] ? "moved%d" : "dir%d", dir);
  return name;
}

static const char* file_name(uint64_t which) {
  static char name[64];
  int dir = which / FILES % DIRS;
  snprintf(name, sizeof name, "%s/file%d", dir_name(dir), (int)(which % FILES));
  return name;
}

static void put(const char* name, int flags) {
  char text[64 + 8192];
  int fd = open(name, O_WRONLY | O_CREAT | flags, 0644);
  must(fd, name);
  int size = snprintf(text, 64, "%016llx\n", (unsigned long long)chain(1));
  int more = hash % 8192;
  memset(text + size, 'a' + hash % 26, more);
  must(write(fd, text, size + more), name);
  close(fd);
}

static void step(uint64_t n) {
  uint64_t which = chain(n) >> 8;
  char name[64];
  snprintf(name, sizeof name, "%s", file_name(which));
  switch (hash % 12) {
    case 0:
    case 1: {  // as editors save
      char temp[80];
      snprintf(temp, sizeof temp, "%s.new", name);
      put(temp, O_TRUNC);
      must(rename(temp, name), "rename");
      break;
    }
    case 2:
    case 3: {  // as SQLite commits
      put("db-journal", O_TRUNC);
      int fd = open("db", O_RDWR);
      must(fd, "db");
      must(pwrite(fd, &hash, sizeof hash, which % PAGES * PAGE + which % 500 * 8), "db");
      close(fd);
      must(unlink("db-journal"), "db-journal");
      break;
    }
    case 4:
    case 5:
    case 6:
      memcpy(mapped[which % MAPPED] + which / 64 % (MAPPED_BYTES / 8) * 8, &hash, sizeof hash);
      break;
    case 7:
      put("log", O_APPEND);
      if (which % 4096 == 0) must(truncate("log", 0), "log");
      break;
    case 8: {
      int dir = which % DIRS;
      char before[32];
      snprintf(before, sizeof before, "%s", dir_name(dir));
      moved[dir] = !moved[dir];
      must(rename(before, dir_name(dir)), "rename directory");
      break;
    }
    case 9: {  // made and broken links
      char other[64];
      snprintf(other, sizeof other, "%s/link%d", dir_name(which / 7 % DIRS), (int)(which % 5));
      unlink(other);
      if (which % 3) must(link(name, other), "link");
      break;
    }
    case 10:
      must(setxattr(name, "user.chain", &hash, which % 9, 0), "setxattr");
      must(chmod(name, 0600 | (hash & 0177)), "chmod");
      if (which % 5 == 0) must(chown(name, hash % 1000, 7), "chown");
      if (which % 7 == 0) must(truncate(name, 20000 + which % 9000), "truncate");
      break;
    default: {  // another type of the same name
      char odd[64];
      snprintf(odd, sizeof odd, "odd%d", (int)(which % ODD));
      turn[which % ODD] ^= 1;
      if (unlink(odd) < 0 && errno == EISDIR) {
        char in[80];
        snprintf(in, sizeof in, "%s/in", odd);
        unlink(in);
        must(rmdir(odd), "rmdir");
      }
      if (which / 16 % 4 == 0) {
        char in[80];
        must(mkdir(odd, turn[which % ODD] ? 0755 : 0711), "mkdir");
        snprintf(in, sizeof in, "%s/in", odd);
        put(in, O_TRUNC);
      } else if (which / 16 % 4 == 1) {
        char to[96];
        snprintf(to, sizeof to, "%s-%llx", name, (unsigned long long)hash);
        must(symlink(to, odd), "symlink");
      } else if (which / 16 % 4 == 2) {
        must(mkfifo(odd, turn[which % ODD] ? 0600 : 0640), "mkfifo");
      } else {
        put(odd, O_TRUNC);
      }
    }
  }
}

static void* map(const char* name, size_t size) {
  int fd = open(name, O_RDWR | O_CREAT, 0644);
  must(fd, name);
  must(ftruncate(fd, size), name);
  void* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) must(-1, "mmap");
  close(fd);
  return at;
}

static volatile uint64_t* fill(const char* dir) {
  must(chdir(dir), dir);
  for (int i = 0; i < DIRS; i++) must(mkdir(dir_name(i), 0755), "mkdir");
  for (int i = 0; i < DIRS * FILES; i++) put(file_name(i), O_TRUNC);
  int db = open("db", O_RDWR | O_CREAT, 0600);
  must(db, "db");
  char page[PAGE];
  memset(page, 'p', sizeof page);
  for (int i = 0; i < PAGES; i++) must(write(db, page, sizeof page), "db");
  close(db);
  for (int i = 0; i < MAPPED; i++) {
    char name[32];
    snprintf(name, sizeof name, "mapped%d", i);
    mapped[i] = map(name, MAPPED_BYTES);
    memset(mapped[i], 'm', MAPPED_BYTES);
  }
  return map("step", PAGE);
}

static void say(const char* word) {
  puts(word);
  fflush(stdout);
}

static void churn(const char* dir) {
  volatile uint64_t* at = fill(dir);
  say("going");
  for (;; ++*at) step(*at);
}

static void replay(const char* dir) {
  volatile uint64_t* at = fill(dir);
  say("going");
  for (uint64_t to; scanf("%lu", &to) == 1; say("at"))
    for (; *at < to; ++*at) step(*at);
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "churn") == 0) churn(argv[2]);
  if (argc == 3 && strcmp(argv[1], "replay") == 0) return replay(argv[2]), 0;
  if (argc == 3 && strcmp(argv[1], "spin") == 0) {
    volatile uint64_t* count = map(argv[2], PAGE);
    say("going");
    for (;;) ++*count;
  }
  if (argc != 3 || strcmp(argv[1], "mapped") != 0) return 2;
  char* at = map(argv[2], PAGE);
  for (char c; read(0, &c, 1) == 1;) {
    if (c == '\n') continue;
    *at = c;
    say("stored");
  }
  return 0;
}
