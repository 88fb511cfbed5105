std = "lua54"
max_line_length = 140
max_comment_line_length = 180
ignore = { "211/guard" } -- `local guard <close>` is used by leaving its scope
unused_args = true
files["spec"] = { std = "+busted" }
files["bench/peers/tarantool.lua"] = { globals = { "box" } } -- of the program that runs it
exclude_files = { "lua/hearth/types" }
