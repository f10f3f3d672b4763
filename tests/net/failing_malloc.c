/*
 * A library to be preloaded: makes allocations of one process fail, one of so many by chance, while
 * the file that FAILING_MALLOC names says so. All of the process's allocations are hit, those of
 * the libraries too, but for libev's, which ends the process then, as it says. If the process
 * falls, where it did is written to the file.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* The file. */
struct control {
	volatile int32_t pid;	 /* of the process that is to suffer; 0: none */
	volatile uint32_t every; /* one allocation of so many fails */
	volatile uint64_t failed;
	volatile uint64_t seen;
	char fallen[2048]; /* file+offset, a line each */
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static struct control *control;
static uintptr_t spared_start, spared_end;
static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static int note_library(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	(void)context;
	if (!strstr(info->dlpi_name, "libev.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
			spared_start = start;
			spared_end = start + part->p_memsz;
		}
	}
	return 1;
}

static void on_fall(int signal)
{
	void *addresses[24];
	int count;
	size_t used = 0;

	control->every = 0;
	count = backtrace(addresses, 24);
	for (int i = 0; i < count && used + 200 < sizeof(control->fallen); i++) {
		Dl_info info;

		if (dladdr(addresses[i], &info) && info.dli_fname)
			used += (size_t)snprintf(control->fallen + used, 200, "%.150s+%#tx\n",
						 info.dli_fname,
						 (char *)addresses[i] - (char *)info.dli_fbase);
	}
	_exit(128 + signal);
}

static void watch_for_falls(void)
{
	struct sigaction action = {.sa_handler = on_fall};
	void *warm[1];

	backtrace(warm, 1); /* loads what it needs */
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("FAILING_MALLOC");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *memory;

	if (fd < 0)
		return;
	memory = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		return;
	dl_iterate_phdr(note_library, NULL);
	control = memory;
	watch_for_falls();
}

static int fails(const void *caller)
{
	uintptr_t from = (uintptr_t)caller;

	if (!control || !control->pid || !control->every || control->pid != getpid() ||
	    (from >= spared_start && from < spared_end))
		return 0;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	control->seen++;
	if (state % control->every != 0)
		return 0;
	control->failed++;
	errno = ENOMEM;
	return 1;
}

EXPORTED void *malloc(size_t size);
EXPORTED void *calloc(size_t count, size_t size);
EXPORTED void *realloc(void *memory, size_t size);

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}
