-- Take the unit a trigger names; nil if the trigger is not of the present.
-- ARGV[6] unit  [7] generation  [8] attempt  [9] kind  [10] worker  [11] lease  [12] the worker's tags
local name, generation, attempt, kind = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
if not load({name}) or run.gen ~= generation or run.st >= SUCCEEDED then return nil end
local u = units[name]
if not u then return nil end

local function claimable()
  if kind == 'lease' then return u.st == RUNNING and u.token and NOW >= u.till end
  if kind == 'timeout' then return (u.st == SUSPENDED or delegated(u)) and u.due and NOW >= u.due end
  if u.st ~= READY or not u.out or u.due and NOW < u.due then return false end
  if run.most and not u.dead and run.active - run.ready >= run.most then return false end
  return (u.try or 0) == attempt
end

if not (claimable() and may_run(u, ARGV[12])) then
  return ARGV[4] == '1' and u.op == OP and applied_already() or nil
end
local claim = take(u, ARGV[10], tonumber(ARGV[11]))
if run.st == SUSPENDED then
  run.st = RUNNING
  tell_status('chain.resumed', '{}')
end
save()
return outcome({claim}, {})
