-- Apply every step of a commit, or none; nil if one is stale.
-- ARGV[6] generation   [7] worker   [8] want   [9] lease   [10] the worker's tags   then large values, then the steps: each its
-- kind, how many arguments follow, the unit, its token (of an answer: the round), and its own
local steps, names, targets = {}, {}, {}
local at = 12 + 2 * tonumber(ARGV[11])
while at <= #ARGV do
  local step = {
    kind = ARGV[at], unit = ARGV[at + 2], token = tonumber(ARGV[at + 3]),
    first = at + 4, last = at + 1 + tonumber(ARGV[at + 1]),
  }
  at = step.last + 1
  steps[#steps + 1] = step
  step.guard = step.unit
  if step.kind == 'settle' then
    step.arrivals = step.first + 6
    if ARGV[step.first + 5] ~= '' then step.guard = ARGV[step.first + 5] end
  elseif step.kind == 'answer' then
    step.arrivals = step.first + 3
  elseif step.kind == 'child' then
    step.arrivals = step.first + 6
  end
  if step.unit ~= '' then
    names[#names + 1] = step.unit
    if step.guard ~= step.unit then names[#names + 1] = step.guard end
    local node = node_of(step.unit)
    if node ~= step.unit then names[#names + 1] = node end
    for i = step.arrivals or at, step.last, 4 do targets[#targets + 1] = ARGV[i] end
  end
end

local function accepts()
  if run.gen ~= tonumber(ARGV[6]) then return false end
  for _, step in ipairs(steps) do
    if step.kind ~= 'told' and step.kind ~= 'closed' then  -- those come after the end too
      if run.st == SUCCEEDED or (run.st >= SUCCEEDED) ~= (step.kind == 'reopen') then return false end
    end
    local u = units[step.guard]
    if step.kind == 'answer' then
      if not u or u.st ~= SUSPENDED or not u.form or u.round ~= step.token then return false end
    elseif step.kind == 'child' then
      if not u or not delegated(u) then return false end
      if u.kid.id ~= ARGV[step.first] or u.kid.seq >= step.token then return false end
    elseif step.unit ~= '' then
      if not u or u.st ~= RUNNING or u.token ~= step.token then return false end
    end
  end
  return true
end

if not load(names, targets) then return nil end
if not accepts() then
  return ARGV[4] == '1' and applied_already() or nil
end
keep_large(11)
for _, step in ipairs(steps) do
  apply[step.kind](step)
  if step.unit ~= '' then units[step.unit].op = OP end
end

if run.st < SUCCEEDED then
  if run.left == 0 then
    end_run(SUCCEEDED, '')
  elseif run.active == 0 and run.parked > 0 then
    if run.st ~= SUSPENDED then
      run.st = SUSPENDED
      tell_status('chain.suspended', '{}')
    end
  elseif run.st == SUSPENDED then
    run.st = RUNNING
    tell_status('chain.resumed', '{}')
  end
end
local claims, triggers = hand_out(ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10])
save()
return outcome(claims, triggers)
