-- A folder with a certificate for localhost that nobody vouches for, and its key.

local certificate = {}

local function run(command)
  return (os.execute(command .. " >/dev/null 2>&1"))
end

---@return string folder with `cert` and `key`
function certificate.make()
  local folder = os.tmpname()
  os.remove(folder)
  assert(run("mkdir -m 700 " .. folder), "mkdir")
  local request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
  assert(run(("%s -keyout %s/key -out %s/cert"):format(request, folder, folder)), "openssl is missing (Debian: apt-get install openssl)")
  return folder
end

function certificate.remove(folder) run("rm -r " .. folder) end

return certificate
