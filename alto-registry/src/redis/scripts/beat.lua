-- now, lease, ids
local now, lease = clock(ARGV[1]), tonumber(ARGV[2])
for at = 3, #ARGV do redis.call('ZADD', leases, 'XX', 'GT', now + lease, ARGV[at]) end
return {'same'}
