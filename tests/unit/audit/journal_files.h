/* Journals that the tests make, read and spoil. */
#ifndef TESTS_UNIT_AUDIT_JOURNAL_FILES_H
#define TESTS_UNIT_AUDIT_JOURNAL_FILES_H

#include <stdint.h>

#include "base/slice.h"
#include "proxy/audit/journal.h"
#include "proxy/audit/verify.h"

/* A folder of the test's own, removed with all in it by files_remove_folder(); both are for
 * cmocka's group set-up and tear-down. */
int files_make_folder(void **state);
int files_remove_folder(void **state);

/* The path of NAME in the folder; the last 64 that were asked for are valid. */
const char *files_path(const char *name);

/* The body of record number N: an http record, of BYTES bytes or somewhat more. */
struct slice files_body(uint64_t n, size_t bytes);

/* Adds records FIRST to LAST to the journal at PATH, in one batch. */
void files_add(const char *path, uint64_t first, uint64_t last);

/* The whole file, NUL-terminated, for the caller to free. */
char *files_read(const char *path, size_t *len);
void files_write(const char *path, struct slice bytes);

/* Runs verify; the report, for the caller to free, has the folder's path cut out. */
char *files_verify(const char *path, const struct verify_expect *expect,
		   struct verify_result *result);

/* Asserts that the journal is sound and has LINES lines. */
void files_assert_sound(const char *path, uint64_t lines);

#endif
