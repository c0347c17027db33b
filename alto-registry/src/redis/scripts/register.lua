-- now, lease, id, s, p, data of the entry, holdings
local now, lease, id, secret, row, data = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local place = string.sub(row, 1, 18)
local present = redis.call('HGET', place_key(place), place)
if present then return {'taken', remaining(present, now)} end
if redis.call('EXISTS', peer_key(id)) == 1 then return {'again'} end
redis.call('HSET', peer_key(id), 's', secret, 'p', row)
redis.call('HSET', place_key(place), place, id)
if secret ~= '' then redis.call('ZADD', leases, now + lease, id) end
hold(id, now, 7)
return {'ok', append('put', data)}
