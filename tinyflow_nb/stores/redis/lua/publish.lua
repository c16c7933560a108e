-- Add entries to the registry's log: 1; 0 if it has not ARGV[1] of them any more; -1 if a definition that is
-- published is not kept. Published definitions stay; one whose last version is deleted is kept ARGV[2] seconds.
-- KEYS[1] the log  [2] hashes by version  [3...] what is published: definition and signatures of each
-- ARGV[3] how many arguments tell what is published: version and hash of each, then how many versions are
-- deleted, and those; then the entries
if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
for i = 3, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i]) == 0 then return -1 end
end
for i = 3, #KEYS do redis.call('PERSIST', KEYS[i]) end
local at = 4 + tonumber(ARGV[3])
for i = 4, at - 1, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
local last = at + tonumber(ARGV[at])
for i = at + 1, last do
  local hash = redis.call('HGET', KEYS[2], ARGV[i])
  redis.call('HDEL', KEYS[2], ARGV[i])
  local used = false
  for _, other in ipairs(redis.call('HVALS', KEYS[2])) do used = used or other == hash end
  if hash and not used then
    local key = string.match(KEYS[1], '^(.*):log$') .. ':d:' .. hash
    redis.call('EXPIRE', key, ARGV[2])
    redis.call('EXPIRE', key .. ':signatures', ARGV[2])
  end
end
for i = last + 1, #ARGV do redis.call('RPUSH', KEYS[1], ARGV[i]) end
return 1
