-- What one run is to tell another and nobody has told: its parent where it stands, its children that they
-- are to end; and units whose child may not be there. Each is given again later if it is still so.
-- KEYS[1] the shard's list of such runs  ARGV[1] the time ('': this server's)  [2] seconds it is due for
-- [3] seconds until it is given again  [4] runs looked at, at most
local shard = string.match(KEYS[1], '^(.*):between$')
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] + t[2] / 1000000
end
local limit, again = now - tonumber(ARGV[2]), now + tonumber(ARGV[3])
local RARELY = 3600
local found = {}
local function seconds(time) return string.format('%.6f', time) end

-- Units that wait for their child: looked for after ten seconds, then ever more rarely.
local function children(id, run, next_look)
  local key = shard .. ':r:' .. id
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 2) == 'd:' then
      local name = string.sub(field, 3)
      local u = cmsgpack.unpack(redis.call('HGET', key, 'u:' .. name))
      if u.kid and not u.token and not u.kid.fresh and (u.st == 2 or u.st == 3) then
        local check = u.check or u.began + 10
        if check <= limit then
          found[#found + 1] = {id, run.gen, name, u.try or 0, 'child', '0', {}}
          check = now + math.min(RARELY, math.max(10, now - u.began))
          u.check = check
          redis.call('HSET', key, 'u:' .. name, cmsgpack.pack(u))
        end
        if not next_look or check < next_look then next_look = check end
      end
    end
  end
  return next_look
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', seconds(limit), 'LIMIT', 0, ARGV[4])) do
  local run = redis.call('HGET', shard .. ':r:' .. id, 'm')
  run = run and cmsgpack.unpack(run)
  local next_look
  if run then
    for kind in pairs({parent = run.untold, children = run.closing}) do
      found[#found + 1] = {id, run.gen, '', 0, kind, '0', {}}
      next_look = again
    end
    if run.st < 4 and run.kids and run.kids > 0 then next_look = children(id, run, next_look) end
  end
  if next_look then
    redis.call('ZADD', KEYS[1], seconds(next_look), id)
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return found
