-- Extend leases of one run; returns the positions of those that are lost.
-- ARGV[6] lease, then unit and token of each
local lost, names = {}, {}
for i = 7, #ARGV, 2 do names[#names + 1] = ARGV[i] end
load(names)
for i, name in ipairs(names) do
  local u = units[name]
  if run and run.st < SUCCEEDED and u and u.st == RUNNING and u.token == tonumber(ARGV[6 + 2 * i]) then
    u.till = NOW + tonumber(ARGV[6])
    redis.call('HSET', RUN, 'u:' .. name, cmsgpack.pack(u))
  else
    lost[#lost + 1] = i
  end
end
return lost
