-- Load on the registry: of twenty requests one registers a peer, nine are heartbeats, and ten ask for the holders of a
-- file. The caller prepends the globals `media` (Content-Type), `peers` (bodies of heartbeats), `files` (their IDs),
-- `entry` (a file as announced), and `from` (the number of the first address to register).

local threads = 0

function setup(thread)
  thread:set("lane", threads)
  threads = threads + 1
end

function init()
  count, registered = 0, 0
  headers = { ["Content-Type"] = media }
end

local function newcomer()
  -- Every newcomer has an address of its own; each of the two threads uses every second one.
  local address = from + registered * 2 + lane
  registered = registered + 1
  local text = string.format("10.%d.%d.%d", math.floor(address / 65536) % 256, math.floor(address / 256) % 256, address % 256)
  local body = string.format('{"name":"bench-%d","port":6881,"files":[%s]}', address, entry)
  return wrk.format("POST", "/swarm/register", { ["Content-Type"] = media, ["X-Forwarded-For"] = text }, body)
end

function request()
  count = count + 1
  local turn = count % 20
  if turn == 0 then return newcomer() end
  if turn < 10 then return wrk.format("POST", "/swarm/heartbeat", headers, peers[count % #peers + 1]) end
  return wrk.format("GET", "/swarm/files/" .. files[count % #files + 1] .. "/holders?limit=10")
end
