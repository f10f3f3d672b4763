/* A file as anybody may have written it: verify, tail, its records as events of OCSF, and how a
 * journal would go on from it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "proxy/audit/export.h"
#include "proxy/audit/resume.h"
#include "proxy/audit/tail.h"
#include "proxy/audit/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file = -1;
static char path[64];
static FILE *null;
static struct line_hasher hasher;

static void set_up(void)
{
	file = memfd_create("fuzz", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	null = fopen("/dev/null", "w");
	if (file < 0 || !null || line_hasher_init(&hasher) < 0)
		abort();
}

static void check_resume(size_t size, const struct verify_result *result)
{
	struct resume resume;

	if (resume_read(file, size, &hasher, &resume) < 0)
		return;
	/* The two read the same last line. */
	if (strcmp(resume.hash, result->last_hash) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tail_options options = {.last = 3, .filter.denied = size % 2, .colours = true};
	struct export export = {.format = EXPORT_OCSF, .version = "0"};
	struct verify_expect expect = {.visit = export_visit, .context = &export};
	struct verify_result result;

	if (file < 0)
		set_up();
	export.out = null;
	/* Times are read for some inputs twice, for others not before they are translated. */
	export.filter.has_since = size % 3 == 0;
	if (ftruncate(file, 0) < 0 || lseek(file, 0, SEEK_SET) < 0 ||
	    fd_write_all(file, slice_of(data, size)) < 0 || lseek(file, 0, SEEK_SET) < 0)
		abort();
	if (verify_fd(file, size, "fuzz", &expect, null, &result) < 0)
		abort();
	check_resume(size, &result);
	if (tail_file(path, &options, null, NULL) < 0)
		abort();
	return 0;
}
