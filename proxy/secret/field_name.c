#include "proxy/secret/field_name.h"

char field_name_fold(char c)
{
	return c == '_' || c == '.' || c == ' ' ? '-' : ascii_lower(c);
}

bool field_name_is_read_as(struct slice name, struct slice wanted)
{
	if (name.len != wanted.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (field_name_fold(name.ptr[i]) != field_name_fold(wanted.ptr[i]))
			return false;
	}
	return true;
}
