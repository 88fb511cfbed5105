std = "lua54"
max_line_length = 140
unused_args = true
files["spec"] = { std = "+busted" }
exclude_files = { "lua/hearth/types" }
files["lua/hearth/render/web/client.lua"] = { max_line_length = false }
files["lua/hearth/render/web/page.lua"] = { max_line_length = false }
