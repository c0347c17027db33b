-- now, place, id that the address has, data of the entry, holdings, files to remove
local now, place, id, data = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
if redis.call('HGET', place_key(place), place) ~= id then return {'again'} end
if data == '' then return {'same'} end
release(id, hold(id, now, 5))
-- Without a lease of its own, a registration ends with its last holding.
if redis.call('HLEN', peer_key(id)) == 2 then
  forget(id)
  return {'ok', append('leave', id)}
end
return {'ok', append('change', data)}
