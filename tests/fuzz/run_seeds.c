/* Runs a fuzz target over each file of the folders named, for builds without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEED_MAX_BYTES = 16 << 20 };

static int run_file(const char *folder, const char *name)
{
	cleanup_free char *bytes = NULL;
	cleanup_free uint8_t *exact = NULL;
	char path[4096];
	struct error err;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (fd_read_file(path, SEED_MAX_BYTES, &bytes, &len, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	/* Without the NUL behind it, so that AddressSanitizer sees a read past the end. */
	exact = malloc(len ? len : 1);
	if (!exact)
		return -1;
	memcpy(exact, bytes, len);
	LLVMFuzzerTestOneInput(exact, len);
	return 1;
}

static int run_folder(const char *folder)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	int count = 0;

	if (!directory) {
		perror(folder);
		return -1;
	}
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		if (run_file(folder, entry->d_name) < 0) {
			count = -1;
			break;
		}
		count++;
	}
	closedir(directory);
	return count;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int count = run_folder(argv[i]);

		if (count <= 0) {
			fprintf(stderr, "%s: no seeds\n", argv[i]);
			return EXIT_FAILURE;
		}
		printf("%s: %d seeds\n", argv[i], count);
	}
	return EXIT_SUCCESS;
}
