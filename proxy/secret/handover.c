#include "proxy/secret/handover.h"

#include <sys/mman.h>

struct place {
	uint32_t offset;
	uint32_t length;
};

struct secret_handover {
	size_t size;
	size_t used;
	struct {
		struct place value;
		struct place placeholder;
	} entries[POLICY_SECRETS_MAX];
	char bytes[];
};

int secret_handover_create(const struct policy *policy, struct secret_handover **handover,
			   struct error *err)
{
	size_t size = policy->secret_count ? SECRET_HANDOVER_BYTES : sizeof(**handover);
	struct secret_handover *region = mmap(NULL, size, PROT_READ | PROT_WRITE,
					      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (region == MAP_FAILED)
		return error_set_code(err, -errno, "cannot map memory for secrets");
	region->size = size;
	*handover = region;
	if (policy->secret_count == 0)
		return 0;
	/* mlock2(), as AddressSanitizer turns mlock() into nothing. */
	if (mlock2(region, size, 0) < 0 || madvise(region, size, MADV_DONTDUMP) < 0) {
		int rc = error_set(
			err, -errno,
			"cannot lock %zu bytes of memory for secrets: %s; raise the limit on "
			"locked memory (ulimit -l)",
			size, strerror(errno));

		munmap(region, size);
		return rc;
	}
	return 0;
}

void secret_handover_wipe(struct secret_handover *handover)
{
	explicit_bzero(handover->bytes, handover->used);
}

char *secret_handover_room(struct secret_handover *handover, size_t *size)
{
	*size = handover->size - sizeof(*handover) - handover->used;
	return handover->bytes + handover->used;
}

static void put(struct secret_handover *handover, struct place *place, size_t len)
{
	*place = (struct place){(uint32_t)handover->used, (uint32_t)len};
	handover->used += len;
}

void secret_handover_put_value(struct secret_handover *handover, size_t index, size_t len)
{
	put(handover, &handover->entries[index].value, len);
}

void secret_handover_put_placeholder(struct secret_handover *handover, size_t index, size_t len)
{
	put(handover, &handover->entries[index].placeholder, len);
}

struct slice secret_handover_value(const struct secret_handover *handover, size_t index)
{
	const struct place *place = &handover->entries[index].value;

	return slice_of(handover->bytes + place->offset, place->length);
}

struct slice secret_handover_placeholder(const struct secret_handover *handover, size_t index)
{
	const struct place *place = &handover->entries[index].placeholder;

	return slice_of(handover->bytes + place->offset, place->length);
}

int secret_handover_take(const struct policy *policy, struct secret_handover *handover,
			 struct secret_store *store, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < policy->secret_count && rc == 0; i++)
		rc = secret_store_add(store, &policy->secrets[i],
				      secret_handover_placeholder(handover, i),
				      secret_handover_value(handover, i), err);
	if (rc == 0)
		rc = secret_store_seal(store, err);
	secret_handover_wipe(handover);
	return rc;
}
