std = "lua54"
max_line_length = 140
unused_args = true
files["spec"] = { std = "+busted" }
exclude_files = { "lua/hearth/types" }
