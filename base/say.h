/*
 * What Sallyport says to the person at the terminal: one line on stderr, "sallyport: " before it.
 * Control bytes in the text are shown as \xNN, so that a name from a sandbox cannot play with the
 * terminal.
 */
#ifndef BASE_SAY_H
#define BASE_SAY_H

/* The line is written whole, by one write. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends lines to FD from now on (-1: nowhere). */
void say_set_fd(int fd);

#endif
