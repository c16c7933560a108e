-- Keep a batch of chunks, the newest ARGV[8] of the run at least.
-- ARGV[6] their number  [7] the batch, JSON
local stream = RUN .. ':ch'
local count, most = tonumber(ARGV[6]), tonumber(ARGV[8])
local ends = 0
for i, entry in ipairs(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', ARGV[4] == '1' and 50 or 1)) do
  if i == 1 then ends = tonumber(string.match(entry[1], '^%d+')) end
  if entry[2][4] == OP then return ends end
end
redis.call('XADD', stream, ends + count .. '-' .. count, 'chunks', ARGV[7], 'op', OP)
local surplus = ends + count - most
if surplus > 0 and math.floor(ends / 5000) ~= math.floor((ends + count) / 5000) then
  redis.call('XTRIM', stream, 'MINID', surplus .. '-0')
end
local left = redis.call('PTTL', RUN)
if left == -2 then
  redis.call('EXPIRE', stream, math.ceil(tonumber(ARGV[5])))
elseif left >= 0 then
  redis.call('PEXPIRE', stream, left)
end
return ends + count
