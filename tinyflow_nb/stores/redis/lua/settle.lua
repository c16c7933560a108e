-- The steps most commits consist of: a node settles, a judged one starts.
local apply = {}

local function arrive(target, source, verdict, data)
  local u = unit(target)
  touch(u)
  u.edges = u.edges - 1
  if data then u.data = u.data - 1 end
  local s = shapes[target]
  if u.edges > 0 and verdict == 0 and type(s) == 'string' and string.find(s, '^%[%d+,%d+,0') then
    return  -- a join that still waits: its shape need not be read
  end
  s = shape(target)
  if s[ANY] == 1 then
    if data and verdict == 0 and not u.winner then u.winner = source end
    if u.st ~= READY or u.out then return end
    if u.edges == u.data and (u.winner or u.data == 0) then
      u.dead = not u.winner and source or nil
      make_ready(u)
    end
    return
  end
  if verdict == 2 and (not u.dead or source == s[HANDLES]) then u.dead = source end
  if u.edges == 0 then
    make_ready(u)
  end
end

-- Each is target, source, verdict and whether it carries data.
local function arrivals(step)
  for i = step.arrivals, step.last, 4 do
    arrive(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3] == '1')
  end
end

local function settle(name, status, value, info, by, via)
  local u = unit(name)
  touch(u)
  if via ~= '' then  -- an item ends its node: the other items are void, and settle nothing
    void_items(u)
  elseif u.st == SUSPENDED then
    run.parked = run.parked - 1
  elseif u.st < SUSPENDED then
    run.active = run.active - 1
    leave_outbox(u)
  end
  take_form_away(u)
  leave_child(u)
  u.st = status
  u.info = info ~= '' and info or nil
  u.by = by ~= '' and by or nil
  u.due = nil
  u.till = nil
  u.ended = NOW
  if status == SUCCEEDED then
    values[name] = value
    set('v:' .. name, value)
  end
  if status == SKIPPED then
    u.try = nil
    tell('node.skipped', name, info ~= '' and info or '{}')
  else
    local rest = info ~= '' and ',' .. string.sub(info, 2) or '}'
    if status == SUCCEEDED then rest = rest .. '\n' .. value end
    tell('node.finished', name, '{"status":"' .. (status == SUCCEEDED and 'SUCCEEDED' or 'FAILED') .. '","attempt":' .. (u.try or 0) .. rest)
  end
  if string.find(name, '[', 1, true) then
    count_item(unit(node_of(name)))
  else
    run.left = run.left - 1
  end
end

-- Arguments: status, value, info, stand-in, the run's error, the unit that guards it, arrivals
function apply.settle(step)
  local at = step.first
  settle(step.unit, tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 5])
  arrivals(step)
  if ARGV[at + 4] ~= '' then end_run(FAILED, ARGV[at + 4]) end
end

function apply.start(step)
  local u = unit(step.unit)
  u.judged = true
  u.try = (u.try or 0) + 1
  u.began = NOW
  touch(u)
  tell_started(u)
end
