/* embed NAME ROOT FILE…: prints a C table of the given Lua files, precompiled, as modules named by their path below ROOT.
** Line numbers and names are kept, so tracebacks read as from source. A file that is not Lua is a module that gives its text. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

static int column;

static int write_bytes(lua_State *L, const void *p, size_t size, void *ud) {
  const unsigned char *bytes = p;
  (void)L;
  (void)ud;
  for (size_t i = 0; i < size; i++) {
    printf("%u,", (unsigned)bytes[i]);
    if (++column % 32 == 0) putchar('\n');
  }
  return 0;
}

/* "lua/hearth/ui/init.lua" below "lua" is "hearth.ui"; "host/run.lua" below "." is "hearth.host.run". */
static void module_name(const char *root, const char *path, char *out, size_t size) {
  size_t skip = strcmp(root, ".") == 0 ? 0 : strlen(root) + 1;
  snprintf(out, size, "%s%s", strcmp(root, ".") == 0 ? "hearth." : "", path + skip);
  char *dot = strrchr(out, '.');
  if (dot) *dot = '\0';
  for (char *p = out; *p; p++)
    if (*p == '/') *p = '.';
  size_t n = strlen(out);
  if (n > 5 && strcmp(out + n - 5, ".init") == 0) out[n - 5] = '\0';
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  printf("#include \"module.h\"\n");
  for (int i = 3; i < argc; i++) {
    char chunk[512];
    FILE *f = fopen(argv[i], "rb");
    if (!f) {
      perror(argv[i]);
      return 1;
    }
    luaL_Buffer b;
    size_t length = strlen(argv[i]);
    bool text = length < 4 || strcmp(argv[i] + length - 4, ".lua") != 0;
    luaL_buffinit(L, &b);
    if (text) luaL_addstring(&b, "return [===[\n");
    for (size_t n; (n = fread(luaL_prepbuffer(&b), 1, LUAL_BUFFERSIZE, f)) > 0;) luaL_addsize(&b, n);
    fclose(f);
    if (text) luaL_addstring(&b, "]===]");
    luaL_pushresult(&b);
    size_t size;
    const char *source = lua_tolstring(L, -1, &size);
    size_t skip = strncmp(argv[i], "lua/", 4) == 0 ? 4 : 0;
    snprintf(chunk, sizeof chunk, "@%s", argv[i] + skip);
    if (luaL_loadbufferx(L, source, size, chunk, "t") != LUA_OK) {
      fprintf(stderr, "%s\n", lua_tostring(L, -1));
      return 1;
    }
    printf("static const unsigned char m%d[] = {\n", i);
    column = 0;
    lua_dump(L, write_bytes, NULL, 0);
    printf("0};\n");
    lua_settop(L, 0);
  }
  printf("extern const hearth__module %s[];\nconst hearth__module %s[] = {\n", argv[1], argv[1]);
  for (int i = 3; i < argc; i++) {
    char name[512];
    module_name(argv[2], argv[i], name, sizeof name);
    printf("  {\"%s\", \"%s\", m%d, sizeof m%d - 1},\n", name, argv[i] + (strcmp(argv[2], ".") == 0 ? 0 : strlen(argv[2]) + 1), i, i);
  }
  printf("  {0, 0, 0, 0}};\n");
  lua_close(L);
  return 0;
}
