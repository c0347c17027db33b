-- KEYS: the stream, the key of its latest position, and the start of the names of all other keys.
local log, head, base = KEYS[1], KEYS[2], KEYS[3]

-- Number of entries that the stream keeps, and of bytes, taken all entries to be as long as the latest one. A follower that
-- is further behind starts from a snapshot.
local KEEP, BYTES = 100000, 64 * 1024 * 1024

-- Position of the latest entry: its number and the hash of all up to it.
local function latest()
  local text = redis.call('GET', head)
  if not text then return '0-0', '' end
  local id, chain = string.match(text, '^(%S+) (%x+)$')
  return id, chain
end

-- Appends an entry, which names the hash before it. Returns its number.
local function append(kind, data)
  local _, before = latest()
  local chain = string.sub(redis.sha1hex(before .. kind .. data), 1, 16)
  local keep = math.max(100, math.min(KEEP, math.floor(BYTES / (#data + 1))))
  local id = redis.call('XADD', log, 'MAXLEN', '~', keep, '*', 'k', kind, 'd', data, 'p', before, 'c', chain)
  redis.call('SET', head, id .. ' ' .. chain)
  return id
end

-- Milliseconds since 1970: the given ones, or those of the store's own clock.
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
