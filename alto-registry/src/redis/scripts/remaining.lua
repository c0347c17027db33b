-- now, place
local now, place = clock(ARGV[1]), ARGV[2]
local present = redis.call('HGET', place_key(place), place)
if not present then return {'again'} end
return {'taken', remaining(present, now)}
