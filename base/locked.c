#include "base/locked.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t round_up(size_t size, size_t page)
{
	return (size + page - 1) / page * page;
}

/* mlock2(), as AddressSanitizer turns mlock() into nothing. */
static int protect(struct locked *region, struct error *err)
{
	if (mlock2(region->bytes, region->size, 0) < 0)
		return error_set(err, -errno,
				 "cannot lock %zu bytes of memory for secrets: %s; raise the limit "
				 "on locked memory (ulimit -l)",
				 region->size, strerror(errno));
	if (madvise(region->bytes, region->size, MADV_DONTDUMP) < 0 ||
	    madvise(region->bytes, region->size, MADV_WIPEONFORK) < 0)
		return error_set_code(err, -errno, "cannot keep secrets out of core dumps");
	return 0;
}

int locked_init(struct locked *region, size_t size, struct error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int rc;

	*region = (struct locked){.size = round_up(size, page)};
	region->mapping_size = region->size + 2 * page;
	region->mapping = mmap(NULL, region->mapping_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
	if (region->mapping == MAP_FAILED) {
		rc = -errno;
		*region = (struct locked){0};
		return error_set_code(err, rc, "cannot map memory for secrets");
	}
	region->bytes = (char *)region->mapping + page;
	if (mprotect(region->bytes, region->size, PROT_READ | PROT_WRITE) < 0)
		rc = error_set_code(err, -errno, "cannot map memory for secrets");
	else
		rc = protect(region, err);
	if (rc < 0) {
		munmap(region->mapping, region->mapping_size);
		*region = (struct locked){0};
	}
	return rc;
}

char *locked_alloc(struct locked *region, size_t len)
{
	char *at = region->bytes + region->used;

	if (len > region->size - region->used)
		return NULL;
	region->used += len;
	return at;
}

void locked_free(struct locked *region)
{
	if (!region->mapping)
		return;
	explicit_bzero(region->bytes, region->size);
	munmap(region->mapping, region->mapping_size);
	*region = (struct locked){0};
}
