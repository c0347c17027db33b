-- id
local id = ARGV[1]
if redis.call('EXISTS', peer_key(id)) == 0 then return {'unknown'} end
forget(id)
return {'ok', append('leave', id)}
