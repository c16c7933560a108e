-- Keep a batch of chunks instead of those before a position.
-- ARGV[6] the position  [7] chunks the batch stands for  [8] the batch, JSON
local stream = RUN .. ':ch'
local before, count = tonumber(ARGV[6]), ARGV[7]
local left = redis.call('PTTL', stream)
local later = redis.call('XRANGE', stream, before + 1, '+')
local first = later[1] and later[1][1]
if left == -2 or first and string.match(first, '^%d+') - string.match(first, '%d+$') < before then
  return 0
end
redis.call('DEL', stream)
redis.call('XADD', stream, ARGV[6] .. '-' .. count, 'chunks', ARGV[8], 'op', OP)
for _, entry in ipairs(later) do
  redis.call('XADD', stream, entry[1], unpack(entry[2]))
end
if left >= 0 then
  redis.call('PEXPIRE', stream, left)
end
return 1
