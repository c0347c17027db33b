-- now, lease, id, s, p, data of the entry, holdings
local now, lease, id, secret, row, data = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local before = redis.call('HGET', peer_key(id), 'p')
if not before then return {'unknown'} end
local place = string.sub(row, 1, 18)
local present = redis.call('HGET', place_key(place), place)
if present and present ~= id then return {'taken', remaining(present, now)} end
local left = string.sub(before, 1, 18)
redis.call('HDEL', place_key(left), left)
unlease(id)
redis.call('DEL', peer_key(id))
redis.call('HSET', peer_key(id), 's', secret, 'p', row)
redis.call('HSET', place_key(place), place, id)
redis.call('ZADD', leases, 'GT', now + lease, id)
hold(id, now, 7)
return {'ok', append('put', data)}
