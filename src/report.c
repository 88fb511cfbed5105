/* What nobody would see otherwise: said on standard error or to on_error, counted as a failure of the run, or kept for a test runner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "state.h"
#include "traceback.h"

void hearth__capture(hearth_t *h, bool on) {
  h->capturing = on;
  if (on) hearth__forget_said(h);
}

void hearth__forget_said(hearth_t *h) {
  while (h->said) {
    hearth__said *r = h->said;
    h->said = r->next;
    free(r);
  }
  h->said_end = &h->said;
}

void hearth__report(hearth_t *h, const char *text) {
  if (h->capturing) {
    hearth__said *r = malloc(sizeof *r + strlen(text) + 1);
    if (r) {
      r->next = NULL;
      strcpy(r->text, text);
      *h->said_end = r;
      h->said_end = &r->next;
      return;
    }
  }
  h->failures++;
  if (h->on_error)
    h->on_error(h->userdata, text);
  else
    fprintf(stderr, "hearth: %s\n", text);
  if (h->on_report) h->on_report(h->report_data);
}

void hearth__on_report(hearth_t *h, void (*fn)(void *data), void *data) {
  h->on_report = fn;
  h->report_data = data;
}

void hearth__report_value(lua_State *L, hearth_t *h, int idx, const char *where) {
  int top = lua_gettop(L);
  idx = lua_absindex(L, idx);
  hearth__error_text(L, idx);
  if (where) lua_pushfstring(L, "%s: %s", where, lua_tostring(L, -1));
  if (hearth__error_code(L, idx) && lua_getfield(L, idx, "traceback") == LUA_TSTRING)
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, -2), lua_tostring(L, -1));
  else
    lua_settop(L, where ? top + 2 : top + 1);
  hearth__report(h, lua_tostring(L, -1));
  lua_settop(L, top);
}
