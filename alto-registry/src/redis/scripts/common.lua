-- Key of a registration; key of the bucket of an address, of which there are 65,536, each small enough to be compact.
local function peer_key(id) return base .. 'peer:' .. id end
local function place_key(place) return base .. 'at:' .. string.sub(redis.sha1hex(place), 1, 4) end
local leases, holding_leases = base .. 'leases', base .. 'holding-leases'

-- Removes the leases of all holdings of a registration.
local function unlease(id)
  for _, field in ipairs(redis.call('HKEYS', peer_key(id))) do
    if #field > 1 then redis.call('ZREM', holding_leases, id .. field) end
  end
end

-- Removes a registration with all that belongs to it.
local function forget(id)
  local row = redis.call('HGET', peer_key(id), 'p')
  if not row then return end
  local place = string.sub(row, 1, 18)
  unlease(id)
  redis.call('HDEL', place_key(place), place)
  redis.call('ZREM', leases, id)
  redis.call('DEL', peer_key(id))
end

-- Records holdings: number, then token, row and lease of each, from a place in the arguments. Returns the place behind them.
local function hold(id, now, at)
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do
    local token, row, lease = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    redis.call('HSET', peer_key(id), token, row)
    if lease ~= '' then
      redis.call('ZADD', holding_leases, now + tonumber(lease), id .. token)
    else
      redis.call('ZREM', holding_leases, id .. token)
    end
    at = at + 3
  end
  return at
end

-- Removes holdings: number, then token of each. Returns the place behind them.
local function release(id, at)
  local count = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, count do
    redis.call('HDEL', peer_key(id), ARGV[at])
    redis.call('ZREM', holding_leases, id .. ARGV[at])
    at = at + 1
  end
  return at
end

-- Milliseconds until a registration ends unless it is renewed.
local function remaining(id, now)
  local ends = redis.call('ZSCORE', leases, id)
  if not ends then
    ends = now
    for _, field in ipairs(redis.call('HKEYS', peer_key(id))) do
      local one = #field > 1 and redis.call('ZSCORE', holding_leases, id .. field)
      if one and tonumber(one) > ends then ends = tonumber(one) end
    end
  end
  return math.max(0, tonumber(ends) - now)
end
