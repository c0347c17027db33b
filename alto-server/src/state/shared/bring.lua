-- name, number of the chunk, chunk; nothing keeps it yet
local key, number = base .. ARGV[1], tonumber(ARGV[2])
local is_new = redis.call('EXISTS', key) == 0
if redis.call('LLEN', key) == number then redis.call('RPUSH', key, ARGV[3]) end
-- What a change has kept already has no end, and keeps none.
if is_new or redis.call('TTL', key) >= 0 then redis.call('EXPIRE', key, 3600) end
return {'same'}
