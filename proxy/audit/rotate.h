/*
 * Rotating a journal by its own hand: FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on, and
 * the chain goes on in a new FILE.
 *
 * The new file is made beside the old one (FILE.new), locked, with its first lines in it and room
 * behind them, before anything is renamed, and takes FILE's place in one step. So whoever opens
 * FILE at any time, and whenever this is cut short, finds a file that the chain can be gone on with
 * from. What can be left over is FILE.new, which is replaced by the next rotation, and FILE.1 as
 * a second name of FILE.
 *
 * When it cannot be done (no room for the new file, a folder that may not be written), the journal
 * goes on in FILE, beyond its bound, and it is tried again later: no record waits for a rotation.
 */
#ifndef PROXY_AUDIT_ROTATE_H
#define PROXY_AUDIT_ROTATE_H

#include "proxy/audit/journal.h"

/* Whether the file would grow past its bound with BYTES more. */
bool rotate_is_due(const struct journal *journal, size_t bytes);

/* Puts the file away and goes on in a new one, which begins with LINES. The lock of the file is
 * held, and afterwards that of the new one. 0; or a negative code, and the journal is as it was but
 * for rotation_error, and when it is to be tried again. */
int rotate_file(struct journal *journal, struct slice lines);

#endif
