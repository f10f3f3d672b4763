/* What a Content-Type says of a body. */
#include "base/error.h"
#include "proxy/secret/slots.h"
#include "tests/unit/allocation.h"

static void the_kind_of_a_body_is_told_by_its_type(void **state)
{
	static const struct {
		const char *type;
		enum slots_body body;
	} rows[] = {
		{"application/json", SLOTS_BODY_JSON},
		{" Application/JSON ; charset=utf-8", SLOTS_BODY_JSON},
		{"application/vnd.api+json", SLOTS_BODY_JSON},
		{"application/x-www-form-urlencoded", SLOTS_BODY_FORM},
		{"application/x-www-form-urlencoded;charset=UTF-8", SLOTS_BODY_FORM},
		{"multipart/form-data; boundary=x", SLOTS_BODY_MULTIPART},
		{"multipart/mixed; boundary=x", SLOTS_BODY_OTHER},
		{"text/plain", SLOTS_BODY_OTHER},
		{"+json", SLOTS_BODY_OTHER},
		{"application/jsonp", SLOTS_BODY_OTHER},
		{"application/json, text/plain", SLOTS_BODY_OTHER},
		{"", SLOTS_BODY_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (slots_body_of(slice_from_text(rows[i].type)) != rows[i].body)
			fail_msg("%s", rows[i].type);
	}
}

static void the_boundary_is_found_or_refused(void **state)
{
	static const struct {
		const char *type, *boundary; /* NULL: refused */
	} rows[] = {
		{"multipart/form-data; boundary=xYz", "xYz"},
		{"multipart/form-data; charset=utf-8; BOUNDARY=\"a b:c\" ", "a b:c"},
		{"multipart/form-data;boundary=----WebKitFormBoundaryAaBb01",
		 "----WebKitFormBoundaryAaBb01"},
		{"multipart/form-data; boundary2=x;; boundary=y;", "y"},
		{"multipart/form-data", NULL},
		{"multipart/form-data; boundary=", NULL},
		{"multipart/form-data; boundary=\"\"", NULL},
		{"multipart/form-data; boundary=\"a \"", NULL},
		{"multipart/form-data; boundary=\"a", NULL},
		{"multipart/form-data; boundary=\"a\\b\"", NULL},
		{"multipart/form-data; boundary=a b", NULL},
		{"multipart/form-data; boundary=a/b", NULL},
		{"multipart/form-data; boundary=a%b", NULL},
		{"multipart/form-data; boundary=a; boundary=b", NULL},
		{"multipart/form-data; boundary=a; boundary=a", NULL},
		{"multipart/form-data; boundary=a; boundary*=b", NULL},
		{"multipart/form-data; boundary*0=a; boundary=b", NULL},
		{"multipart/form-data; boundary = a", NULL},
		{"multipart/form-data; =a; boundary=a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[SLOTS_BOUNDARY_MAX_BYTES];
		size_t length = 0;
		int rc = slots_find_boundary(slice_from_text(rows[i].type), out, &length);

		if (rc != (rows[i].boundary ? 0 : ERROR_SYNTAX) ||
		    (rc == 0 &&
		     !slice_equal(slice_of(out, length), slice_from_text(rows[i].boundary))))
			fail_msg("%s", rows[i].type);
	}
}

static void boundaries_are_bounded(void **state)
{
	char type[300] = "multipart/form-data; boundary=", out[SLOTS_BOUNDARY_MAX_BYTES];
	size_t used = strlen(type), length;

	(void)state;
	memset(type + used, 'b', SLOTS_BOUNDARY_MAX_BYTES + 1);
	assert_int_equal(
		slots_find_boundary(slice_of(type, used + SLOTS_BOUNDARY_MAX_BYTES), out, &length),
		0);
	assert_int_equal(length, SLOTS_BOUNDARY_MAX_BYTES);
	assert_int_equal(slots_find_boundary(slice_of(type, used + SLOTS_BOUNDARY_MAX_BYTES + 1),
					     out, &length),
			 ERROR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kind_of_a_body_is_told_by_its_type),
		cmocka_unit_test(the_boundary_is_found_or_refused),
		cmocka_unit_test(boundaries_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
