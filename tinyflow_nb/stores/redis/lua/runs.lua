-- A page of a shard's runs, newest first.
-- KEYS[1] the shard's list, of runs or of those others delegated to  ARGV[1] chain or ''  [2] status or 0  [3] '1': only with open forms
-- [4] how many  [5] older than this place in the list, or '+inf'
local shard = string.match(KEYS[1], '^(.*):%w+$')
local chain, status, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local page, from, skip = {}, ARGV[5], 0
while #page < limit do
  local ids = redis.call('ZREVRANGEBYSCORE', KEYS[1], from, '-inf', 'WITHSCORES', 'LIMIT', skip, 200)
  skip = skip + #ids / 2
  if #ids == 0 then break end
  for i = 1, #ids, 2 do
    local key = shard .. ':r:' .. ids[i]
    local found = redis.call('HMGET', key, 'm', 'chain', 'context', 'created')
    if not found[1] then  -- it outlived its time
      redis.call('ZREM', KEYS[1], ids[i])
      redis.call('ZREM', shard .. ':done', ids[i])
      skip = skip - 1
    else
      local run = cmsgpack.unpack(found[1])
      local name = string.match(found[2], '^[^@]*')
      if (chain == '' or chain == found[2] or chain == name) and (status == 0 or status == run.st)
        and (ARGV[3] ~= '1' or run.parked > 0 and run.st < 4) and #page < limit then
        page[#page + 1] = {
          ids[i + 1], ids[i], found[2], run.st, found[4],
          run.ended and string.format('%.6f', run.ended) or false, run.parked, found[3], run.error or false,
        }
      end
    end
  end
end
return page
