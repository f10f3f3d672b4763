/*
 * `sallyport doctor`: tries what `sallyport run` relies on, one line each, and says how to mend
 * what does not work.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/locked.h"
#include "base/say.h"
#include "ca/bundle.h"
#include "proxy/cli/options.h"
#include "proxy/steer/steer.h"

enum {
	LOCKED_NEEDED_BYTES = 3 << 20, /* the secrets and keys of a sandbox, with room to spare */
	FILES_NEEDED = 1024,	       /* two for each connection */
	KVM_API = 12,
};

struct finding {
	bool works;
	char found[200];
	char mend[ERROR_TEXT_BYTES];
};

#define FOUND(finding, ...) snprintf((finding)->found, sizeof((finding)->found), __VA_ARGS__)
#define MEND(finding, ...)  snprintf((finding)->mend, sizeof((finding)->mend), __VA_ARGS__)

struct check {
	const char *name;
	const char *only_for; /* NULL: `run` needs it */
	void (*look)(const struct check *check, struct finding *finding);
	enum steer_probe probe;
};

static void look_caller(const struct check *check, struct finding *finding)
{
	struct error err;

	(void)check;
	finding->works = steer_check_caller(&err) == 0;
	if (finding->works)
		FOUND(finding, "user %u", geteuid());
	else
		MEND(finding, "%s", err.text);
}

static void look_probe(const struct check *check, struct finding *finding)
{
	struct steer_probe_result result;

	steer_probe(check->probe, &result);
	finding->works = result.works;
	FOUND(finding, "%s", result.found);
	MEND(finding, "%s", result.mend);
}

static void look_trust(const struct check *check, struct finding *finding)
{
	const char *path = bundle_system_path();

	(void)check;
	finding->works = path != NULL;
	if (path)
		FOUND(finding, "%s", path);
	else
		MEND(finding, "no bundle of root certificates found; install ca-certificates, or "
			      "name one in SSL_CERT_FILE");
}

static void look_locked(const struct check *check, struct finding *finding)
{
	struct locked region;
	struct rlimit limit = {0};
	struct error err;

	(void)check;
	finding->works = locked_init(&region, LOCKED_NEEDED_BYTES, &err) == 0;
	if (!finding->works) {
		MEND(finding, "%s", err.text);
		return;
	}
	locked_free(&region);
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		FOUND(finding, "no limit");
	else
		FOUND(finding, "%llu KiB", (unsigned long long)limit.rlim_cur >> 10);
}

static void look_files(const struct check *check, struct finding *finding)
{
	struct rlimit limit = {0};

	(void)check;
	getrlimit(RLIMIT_NOFILE, &limit);
	finding->works = limit.rlim_max >= FILES_NEEDED;
	FOUND(finding, "%llu, may be raised to %llu", (unsigned long long)limit.rlim_cur,
	      (unsigned long long)limit.rlim_max);
	MEND(finding,
	     "the hard limit is %llu, too few for %d; raise it with ulimit -Hn as root, or nofile "
	     "in /etc/security/limits.conf",
	     (unsigned long long)limit.rlim_max, FILES_NEEDED);
}

static void explain_kvm(int code, struct finding *finding)
{
	if (code == ENOENT)
		MEND(finding, "there is no /dev/kvm; turn virtualisation on in the firmware (on a "
			      "virtual machine: nested virtualisation), then modprobe kvm_intel or "
			      "kvm_amd");
	else if (code == EACCES)
		MEND(finding, "/dev/kvm may not be opened by this user; add it to the group kvm: "
			      "usermod -aG kvm NAME, and log in again");
	else
		MEND(finding, "/dev/kvm does not open: %s", strerror(code));
}

static void look_kvm(const struct check *check, struct finding *finding)
{
	cleanup_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), machine = -1;
	int api;

	(void)check;
	if (kvm < 0) {
		explain_kvm(errno, finding);
		return;
	}
	api = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (api == KVM_API)
		machine = ioctl(kvm, KVM_CREATE_VM, 0);
	finding->works = machine >= 0;
	FOUND(finding,
	      "API %d, a machine can be made; whether it runs a guest shows when one starts", api);
	MEND(finding, "/dev/kvm opens, but no machine can be made (API %d): %s", api,
	     strerror(errno));
}

static const struct check checks[] = {
	{"caller", NULL, look_caller, 0},
	{"user namespaces", NULL, look_probe, STEER_PROBE_USER_NAMESPACE},
	{"own /proc", NULL, look_probe, STEER_PROBE_PROC},
	{"nftables", NULL, look_probe, STEER_PROBE_NFT},
	{"TPROXY", NULL, look_probe, STEER_PROBE_TPROXY},
	{"packet log", NULL, look_probe, STEER_PROBE_LOG},
	{"CA trust", NULL, look_trust, 0},
	{"locked memory", NULL, look_locked, 0},
	{"open files", NULL, look_files, 0},
	{"netfilter queue", "datagrams that udp:// rules allow", look_probe, STEER_PROBE_QUEUE},
	{"KVM", "microVMs (run --vm)", look_kvm, 0},
};

static void print_finding(const struct check *check, const struct finding *finding)
{
	if (finding->works)
		printf("ok       %-16s %s\n", check->name, finding->found);
	else if (check->only_for)
		printf("missing  %-16s only needed for %s: %s\n", check->name, check->only_for,
		       finding->mend);
	else
		printf("FAILS    %-16s %s\n", check->name, finding->mend);
}

static bool try_all(void)
{
	bool works = true;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct finding finding = {0};

		checks[i].look(&checks[i], &finding);
		print_finding(&checks[i], &finding);
		fflush(stdout);
		works = works && (finding.works || checks[i].only_for);
	}
	return works;
}

int command_doctor(int argc, char **argv)
{
	static const struct command_help help = {
		.usage = "sallyport doctor",
		.text = "Tries what `sallyport run` needs of this host, and says how to mend what "
			"does not work. Each thing is really tried, in namespaces that are gone "
			"afterwards; nothing on the host is changed.\n\n"
			"Ends with 0 if `run` has all that it needs, else with 1.",
	};
	struct options options;
	const char *value;

	options_init(&options, &help, argc, argv);
	switch (options_next(&options, &value)) {
	case OPTIONS_HELP:
		return 0;
	case OPTIONS_END:
		break;
	default:
		return EXIT_USAGE;
	}
	if (options.next < argc) {
		say("doctor takes no arguments: %s", argv[options.next]);
		return EXIT_USAGE;
	}
	return try_all() ? 0 : 1;
}
