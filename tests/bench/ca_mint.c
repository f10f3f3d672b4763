/* What a sandbox's authority costs, in processor time of one core: to make it, to mint a leaf, and
 * to find one that is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ca/authority.h"

enum { ROUNDS = 7 };

static struct authority *authority;

static double cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void set_host(struct host *host, int i)
{
	*host = (struct host){.kind = HOST_NAME};
	host->length = (uint8_t)snprintf(host->text, sizeof(host->text), "h%d.api.example.com", i);
}

static void make_authority(int i)
{
	struct authority *other;

	(void)i;
	if (authority_create("a1b2c3d4e5f60718", &other, NULL) < 0)
		abort();
	authority_free(other);
}

static void take_leaf(int i, enum authority_keep keep)
{
	struct host host;
	X509 *leaf;

	set_host(&host, i);
	if (authority_leaf(authority, &host, keep, &leaf) < 0)
		abort();
	X509_free(leaf);
}

static void mint(int i)
{
	take_leaf(i + AUTHORITY_CACHE_LEAVES, AUTHORITY_ONCE);
}

static void keep(int i)
{
	take_leaf(i % AUTHORITY_CACHE_LEAVES, AUTHORITY_KEEP);
}

static void measure(const char *name, void (*run)(int i), int count)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double before = cpu_us(), took;

		for (int i = 0; i < count; i++)
			run(i);
		took = (cpu_us() - before) / count;
		best = took < best ? took : best;
	}
	printf("%-32s %8.2f us\n", name, best);
}

int main(void)
{
	struct error err;

	if (authority_create("a1b2c3d4e5f60718", &authority, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	measure("make an authority", make_authority, 200);
	measure("mint a leaf", mint, 1000);
	measure("find a kept leaf (of 1024)", keep, AUTHORITY_CACHE_LEAVES);
	authority_free(authority);
	return EXIT_SUCCESS;
}
