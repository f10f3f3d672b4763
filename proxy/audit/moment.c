#include "proxy/audit/moment.h"

#include <stdbool.h>

#include "base/error.h"

enum {
	US_PER_SECOND = 1000000,
	SECONDS_PER_DAY = 86400,
	NUMBER_MAX = 999999999, /* of a "2h" */
	FRACTION_DIGITS = 6,
};

struct date {
	uint64_t year;
	uint64_t month;
	uint64_t day;
};

/* Exactly DIGITS digits off the front of REST. */
static bool take_number(struct slice *rest, size_t digits, uint64_t max, uint64_t *value)
{
	if (rest->len < digits || slice_to_u64(slice_first(*rest, digits), max, value) < 0)
		return false;
	*rest = slice_from(*rest, digits);
	return true;
}

static bool take_char(struct slice *rest, char c)
{
	if (!rest->len || rest->ptr[0] != c)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

static bool is_leap(uint64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint64_t days_in(const struct date *date)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[date->month - 1] + (date->month == 2 && is_leap(date->year) ? 1u : 0u);
}

static bool take_date(struct slice *rest, struct date *date)
{
	return take_number(rest, 4, 9999, &date->year) && take_char(rest, '-') &&
	       take_number(rest, 2, 12, &date->month) && take_char(rest, '-') &&
	       take_number(rest, 2, 31, &date->day) && date->month >= 1 && date->day >= 1 &&
	       date->year >= 1970 && date->day <= days_in(date);
}

static int64_t days_since_epoch(const struct date *date)
{
	uint64_t days = date->day - 1;

	for (struct date d = {1970, 1, 1}; d.year < date->year; d.year++)
		days += is_leap(d.year) ? 366 : 365;
	for (struct date d = {date->year, 1, 1}; d.month < date->month; d.month++)
		days += days_in(&d);
	return (int64_t)days;
}

/* ".104518", of which six digits count. */
static bool take_fraction(struct slice *rest, int64_t *us)
{
	int64_t scale = US_PER_SECOND;
	size_t digits = 0;

	if (!take_char(rest, '.'))
		return true;
	for (; digits < rest->len && ascii_is_digit(rest->ptr[digits]); digits++) {
		if (digits < FRACTION_DIGITS)
			scale /= 10;
		if (digits < FRACTION_DIGITS)
			*us += (rest->ptr[digits] - '0') * scale;
	}
	*rest = slice_from(*rest, digits);
	return digits > 0;
}

static bool take_clock(struct slice *rest, int64_t *us)
{
	uint64_t hour, minute, second = 0;

	if (!take_number(rest, 2, 23, &hour) || !take_char(rest, ':') ||
	    !take_number(rest, 2, 59, &minute))
		return false;
	/* 60 is a leap second, which the clock of the epoch does not have. */
	if (take_char(rest, ':') &&
	    (!take_number(rest, 2, 60, &second) || !take_fraction(rest, us)))
		return false;
	*us += (int64_t)(hour * 3600 + minute * 60 + second) * US_PER_SECOND;
	return true;
}

static bool take_zone(struct slice *rest, int64_t *us)
{
	uint64_t hour, minute;
	bool is_west;

	if (rest->len == 0 || take_char(rest, 'Z') || take_char(rest, 'z'))
		return true;
	is_west = rest->ptr[0] == '-';
	if (!take_char(rest, '+') && !take_char(rest, '-'))
		return false;
	if (!take_number(rest, 2, 23, &hour) || !take_char(rest, ':') ||
	    !take_number(rest, 2, 59, &minute))
		return false;
	*us += (is_west ? 1 : -1) * (int64_t)(hour * 3600 + minute * 60) * US_PER_SECOND;
	return true;
}

int moment_parse(struct slice text, int64_t *us)
{
	struct date date;

	if (!take_date(&text, &date))
		return ERROR_SYNTAX;
	*us = days_since_epoch(&date) * SECONDS_PER_DAY * US_PER_SECOND;
	if (text.len == 0)
		return 0;
	if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
		return ERROR_SYNTAX;
	return take_clock(&text, us) && take_zone(&text, us) && text.len == 0 ? 0 : ERROR_SYNTAX;
}

static int64_t seconds_of_unit(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return SECONDS_PER_DAY;
	default:
		return 0;
	}
}

int moment_parse_relative(struct slice text, int64_t now_us, int64_t *us)
{
	int64_t unit = text.len ? seconds_of_unit(text.ptr[text.len - 1]) : 0;
	uint64_t count;

	if (unit && slice_to_u64(slice_first(text, text.len - 1), NUMBER_MAX, &count) == 0) {
		*us = now_us - (int64_t)count * unit * US_PER_SECOND;
		return 0;
	}
	return moment_parse(text, us);
}
