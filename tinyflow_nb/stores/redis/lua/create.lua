-- Create a run and claim its first units; nil if the id is taken.
-- ARGV[6] worker  [7] want  [8] lease  [9] its context, JSON  [10] its inputs  [11] deadline or ''
-- [12] max_concurrency or ''  [13] chain  [14] its definition's hash  [15] the worker's tags
-- [16] what the outside is told: 0 nothing, 1 the run's status, 2 its nodes' too
-- [17] '1' if another run delegated to it
-- then large values, the entry nodes (their number first), and every node's name and shape
if load({}) then
  return ARGV[4] == '1' and applied_already() or nil
end
local worker, want, lease = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local at = keep_large(18)
local entries = tonumber(ARGV[at])
local first = at + 1 + entries
run = {
  st = RUNNING, gen = 1, left = (#ARGV - first + 1) / 2, active = 0, parked = 0, ready = 0, tokens = 0,
  seq = 0, sub = ARGV[17] == '1' or nil, deadline = tonumber(ARGV[11]), most = tonumber(ARGV[12]),
  monitor = ARGV[16] ~= '0' and tonumber(ARGV[16]) or nil,
}
set('context', ARGV[9])
set('inputs', ARGV[10])
set('chain', ARGV[13])
set('definition', ARGV[14])
set('created', AT)
for i = first, #ARGV, 2 do
  set('n:' .. ARGV[i], ARGV[i + 1])
  shapes[ARGV[i]] = ARGV[i + 1]
  units[ARGV[i]] = false
end
by_deadline()
local t = redis.call('TIME')
list('ZADD', run.sub and 'kids' or 'runs', t[1] * 1000000 + t[2])
uses_definition(1, ARGV[14])
tell_chain_started(ARGV[13])
for i = at + 1, at + entries do
  make_ready(unit(ARGV[i]))
end
local claims, triggers = hand_out(worker, want, lease, ARGV[15])
save()
return outcome(claims, triggers)
