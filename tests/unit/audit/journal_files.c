#include "tests/unit/audit/journal_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/allocation.h"

enum { PATHS = 64, FILE_MAX_BYTES = 256 << 20 };

static char folder[64];

int files_make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/sallyport-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *place)
{
	(void)status;
	(void)flag;
	(void)place;
	return remove(path);
}

int files_remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

const char *files_path(const char *name)
{
	static char paths[PATHS][256];
	static unsigned int next;
	char *path = paths[next++ % PATHS];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

struct slice files_body(uint64_t n, size_t bytes)
{
	static char body[AUDIT_BODY_MAX], path[AUDIT_BODY_MAX];
	struct audit_record record;
	int used = snprintf(path, sizeof(path), "/%llu/", (unsigned long long)n);

	if ((size_t)used < bytes)
		memset(path + used, 'x', bytes - (size_t)used);
	audit_record_init(&record, AUDIT_HTTP, "a1b2");
	record.time_us = (int64_t)n * 1000;
	record.host = SLICE_LITERAL("api.example.com");
	record.has_http = true;
	record.http.path = slice_of(path, (size_t)used < bytes ? bytes : (size_t)used);
	return slice_of(body, audit_record_format(&record, body));
}

void files_add(const char *path, uint64_t first, uint64_t last)
{
	struct journal journal;
	struct error err;

	if (journal_open(&journal, path, &err) < 0)
		fail_msg("%s", err.text);
	for (uint64_t n = first; n <= last; n++)
		assert_int_equal(journal_add(&journal, files_body(n, 0)), 0);
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
}

char *files_read(const char *path, size_t *len)
{
	struct error err;
	char *bytes;

	if (fd_read_file(path, FILE_MAX_BYTES, &bytes, len, &err) < 0)
		fail_msg("%s", err.text);
	return bytes;
}

void files_write(const char *path, struct slice bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes), 0);
	close(fd);
}

static void cut_out_folder(char *text)
{
	size_t len = strlen(folder) + 1;
	char *at = text;

	while ((at = strstr(at, folder)))
		memmove(at, at + len, strlen(at + len) + 1);
}

char *files_verify(const char *path, const struct verify_expect *expect,
		   struct verify_result *result)
{
	char *report = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&report, &size);
	struct error err;

	if (verify_file(path, expect, stream, result, &err) < 0)
		fail_msg("%s", err.text);
	fclose(stream);
	cut_out_folder(report);
	return report;
}

void files_assert_sound(const char *path, uint64_t lines)
{
	struct verify_result result;
	char *report = files_verify(path, NULL, &result);

	if (result.problems)
		fail_msg("%s", report);
	assert_int_equal(result.lines, lines);
	free(report);
}
