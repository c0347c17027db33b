-- position that the change was computed from, record, operations: name, number of words, words; the first word is a key
local id, chain = latest()
local present = chain == '' and '' or id .. ' ' .. chain
if ARGV[1] ~= present then return {'behind'} end
id = append('network', ARGV[2])
local milliseconds = string.match(id, '^(%d+)')
local at = 3
while at <= #ARGV do
  local operation, count = ARGV[at], tonumber(ARGV[at + 1])
  local words = {}
  for place = 1, count do words[place] = ARGV[at + 1 + place] end
  words[1] = base .. words[1]
  if operation == 'STAMP' then
    redis.call('HSET', words[1], words[2], milliseconds)
  elseif operation == 'NOTE' then
    redis.call('HSET', words[1], words[2], milliseconds .. ' ' .. words[3])
    redis.call('HDEL', words[1], tostring(tonumber(words[2]) - 1000))
  else
    redis.call(operation, unpack(words))
  end
  at = at + 2 + count
end
local _, after = latest()
return {'ok', id, after}
