/*
 * The JSON Schema (draft 2020-12) of the language, made from the rows that the loader is driven by:
 * for editors, and for whoever makes policies by program. It says what stands where; the loader
 * checks more. What the loader takes, the schema takes.
 */
#ifndef POLICY_SCHEMA_JSON_H
#define POLICY_SCHEMA_JSON_H

/* As text that ends in a newline, in new memory that the caller frees. NULL without memory. */
char *schema_make_json(void);

#endif
