-- everything but what is kept beside
local result = {redis.call('GET', head) or ''}
for _, name in ipairs({'topology', 'links', 'previous-links', 'prefixes', 'published', 'since', 'audit'}) do
  result[#result + 1] = redis.call('HGETALL', base .. name)
end
return result
