-- now, lease
local now, lease = clock(ARGV[1]), tonumber(ARGV[2])
local MOST = 100

-- Nobody could renew a lease while no server or no store was there, or while the clock jumped.
if ARGV[1] == '' then
  local SILENCE = 5000
  local before, pause = redis.call('GET', base .. 'swept'), redis.call('GET', base .. 'pause')
  redis.call('SET', base .. 'swept', now)
  if before and math.abs(now - tonumber(before)) > SILENCE then
    pause = now + lease
    redis.call('SET', base .. 'pause', pause)
  end
  if pause then
    -- A clock that was set back must not prolong the pause.
    if now < tonumber(pause) and tonumber(pause) <= now + lease then return {'same', 0} end
    redis.call('DEL', base .. 'pause')
  end
end

local ended = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, MOST)
for _, id in ipairs(ended) do forget(id) end
local last
if #ended > 0 then last = append('expire', table.concat(ended)) end

local dropped, gone = {}, {}
local due = redis.call('ZRANGEBYSCORE', holding_leases, '-inf', now, 'LIMIT', 0, MOST)
for _, member in ipairs(due) do
  local id, token = string.sub(member, 1, 16), string.sub(member, 17)
  redis.call('HDEL', peer_key(id), token)
  redis.call('ZREM', holding_leases, member)
  if redis.call('HLEN', peer_key(id)) == 2 and redis.call('HGET', peer_key(id), 's') == '' then
    forget(id)
    gone[#gone + 1] = id
  else
    dropped[#dropped + 1] = member
  end
end
if #dropped > 0 then last = append('drop', table.concat(dropped)) end
if #gone > 0 then last = append('expire', table.concat(gone)) end
if not last then return {'same', 0} end
return {'ok', last, #ended + #due}
