-- now, lease, id, data of the entry, holdings, files to remove
local now, lease, id, data = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
if redis.call('EXISTS', peer_key(id)) == 0 then return {'unknown'} end
redis.call('ZADD', leases, 'XX', 'GT', now + lease, id)
if data == '' then return {'same'} end
release(id, hold(id, now, 5))
return {'ok', append('change', data)}
