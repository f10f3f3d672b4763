#include "proxy/steer/forget.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "proxy/steer/confine.h"

enum {
	STAT_MAX_BYTES = 4096,
	FIELDS_BEFORE_SPANS = 45, /* of those behind the name: from 3, the state, to 47 */
};

static const char title[] = "sallyport-init";

static int take_number(struct slice *rest, unsigned long *number)
{
	struct slice field;
	uint64_t value;

	if (!slice_next_part(rest, ' ', &field) ||
	    slice_to_u64(slice_trim(field), UINT64_MAX, &value) < 0)
		return ERROR_SYNTAX;
	*number = (unsigned long)value;
	return 0;
}

/* The name may hold anything, parentheses too: what counts is behind the last one. */
static struct slice skip_name(struct slice stat)
{
	size_t i = stat.len;

	while (i > 0 && stat.ptr[i - 1] != ')')
		i--;
	return slice_from(stat, i + 1);
}

int forget_find_span(struct slice stat, struct forget_span *arguments,
		     struct forget_span *environment)
{
	struct slice rest = skip_name(stat), field;

	for (int i = 0; i < FIELDS_BEFORE_SPANS; i++) {
		if (!slice_next_part(&rest, ' ', &field))
			return ERROR_SYNTAX;
	}
	if (take_number(&rest, &arguments->start) < 0 || take_number(&rest, &arguments->end) < 0 ||
	    take_number(&rest, &environment->start) < 0 ||
	    take_number(&rest, &environment->end) < 0)
		return ERROR_SYNTAX;
	if (arguments->start > arguments->end || environment->start > environment->end)
		return ERROR_SYNTAX;
	return 0;
}

static void wipe(const struct forget_span *span)
{
	if (span->start)
		explicit_bzero((void *)span->start, span->end - span->start);
}

/* The variables that were set after the start are elsewhere. */
static void wipe_variables(void)
{
	static char *none[1];

	for (char **variable = environ; variable && *variable; variable++)
		explicit_bzero(*variable, strlen(*variable));
	environ = none;
}

static int wipe_memory(struct error *err)
{
	cleanup_free char *stat = NULL;
	struct forget_span arguments, environment;
	size_t len;
	int rc = fd_read_file("/proc/self/stat", STAT_MAX_BYTES, &stat, &len, err);

	if (rc < 0)
		return rc;
	rc = forget_find_span(slice_of(stat, len), &arguments, &environment);
	if (rc < 0)
		return error_set_code(err, rc, "cannot find the environment in memory");
	wipe_variables();
	wipe(&arguments);
	wipe(&environment);
	if (arguments.end - arguments.start >= sizeof(title))
		memcpy((void *)arguments.start, title, sizeof(title));
	return 0;
}

/* Else a reader of the caller's pipe would wait for our end too. */
static int leave_streams(struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++) {
		if (dup2(null, fd) < 0)
			return error_set_code(err, -errno, "cannot close the standard streams");
	}
	if (null < 0)
		return error_set_code(err, -errno, "cannot open /dev/null inside the sandbox");
	close(null);
	return 0;
}

int forget_everything(struct error *err)
{
	int rc = wipe_memory(err);

	if (rc == 0)
		rc = leave_streams(err);
	if (rc == 0)
		rc = confine_drop_capabilities(err);
	if (rc == 0)
		rc = confine_no_new_privileges(err);
	/* What the change of capabilities may have undone. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	return rc;
}
