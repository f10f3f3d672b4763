/*
 * The stages of the view, each with its reason. Later ones rely on earlier ones: a mask in /run is
 * not needed any more once /run is new, and nothing of ours may be covered by a later mask.
 */
#include "proxy/steer/view.h"

#include <sys/mount.h>

#include "proxy/steer/mounts.h"

int view_arrange(const struct view *view, struct error *err)
{
	int rc;

	/* 1. What is mounted here stays here, and what the host mounts from now on stays there: it
	 * would come without its masks. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set_code(err, -errno, "cannot make the mounts private");
	/* 2. No process outside can be named. */
	rc = view_arrange_proc(err);
	/* 3. Runtime directories hold the sockets of daemons: all of them are ways out. */
	if (rc == 0)
		rc = view_arrange_runtime(view, err);
	/* 4. Our own files, from here on to be bound over the host's. */
	if (rc == 0)
		rc = view_arrange_store(view, err);
	/* 5. No device but the harmless: a modem, a virtual machine's channels, the terminals of
	 * others are ways out. */
	if (rc == 0)
		rc = view_arrange_devices(view, err);
	/* 6. The kernel's settings and the cgroups of the caller's other processes: to look at. */
	if (rc == 0)
		rc = view_arrange_sys(err);
	/* 7. Names are resolved here, or not at all. */
	if (rc == 0)
		rc = view_arrange_host_files(view, err);
	/* 8. The roots that programs trust without being told. */
	if (rc == 0)
		rc = view_arrange_overlays(view, err);
	/* 9. The folders above the places that follow, before these, as what is put over them
	 * belongs to the folders' new mounts. */
	if (rc == 0)
		rc = view_arrange_pins(view, err);
	/* 10. The policy, before the masks: a mask is read-only already. */
	if (rc == 0)
		rc = view_arrange_read_only(view, err);
	/* 11. Secrets, the log, the sockets of the host. Last, so that nothing uncovers them. */
	if (rc == 0)
		rc = view_arrange_masks(view, err);
	/* 12. Files with capabilities would fail to execute, as COMMAND can be given none (ping,
	 * which can do without); and set-user-id programs have nothing to offer. */
	if (rc == 0)
		rc = mounts_forbid_privileges(err);
	/* 13. Nothing of ours can be changed, though COMMAND's uid owns it. */
	if (rc == 0)
		rc = mounts_seal(STEER_RUNTIME_DIR, err);
	return rc;
}
