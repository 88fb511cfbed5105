/* The text of a JSON file store, and the records that it says. Pure: text in, records out, and back.
**
**   {
**     "hearth": {"format": 1, "commit": 7},
**     "data": {"default": {"settings.theme": "dark", "note": {"$text": "as AsyncStorage.set wrote it"}}},
**     "records": {"default": {"settings.theme": {"revision": 7, …}}},
**     "quarantine": []
**   }
**
** `data` is for people: a JSON value stands there as it is, a string of bytes as {"$text": …}, or {"$bytes": …} with a character for each byte.
** `records` is for Hearth. A value that somebody edited no longer has the checksum that stands there: it is a change, made by hand. */
#ifndef HEARTH__JSONTEXT_H
#define HEARTH__JSONTEXT_H

#include "store/memory.h"

enum { HEARTH__JSONTEXT_FORMAT = 1 };

/* malloc'd, *size bytes; NULL when memory is short. Under the memory's lock. */
char *hearth__jsontext_write(hearth__memory *m, size_t *size);

/* Fills an empty memory, its commit included. `edited` is the time for what was edited by hand. -1 with ECORRUPT (not JSON, or not of this
** shape; the message says where) or ENEWER. */
int hearth__jsontext_read(hearth__memory *m, const char *path, const char *text, size_t size, int64_t edited, hearth__fault *f);

#endif
