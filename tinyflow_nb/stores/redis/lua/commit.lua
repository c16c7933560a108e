-- Apply every step of a commit, or none; nil if one is stale.
-- ARGV[6] generation   [7] worker   [8] want   [9] lease   then large values, then the steps
local generation, worker, want, lease = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local at = 10
local large = at
at = at + 1 + 2 * tonumber(ARGV[at])

local function text() at = at + 1; return ARGV[at - 1] end
local function number() at = at + 1; return tonumber(ARGV[at - 1]) end

local function arrivals(step)
  step.first, step.count = nil, number()
  step.first = at
  at = at + 4 * step.count
end

local parse = {
  settle = function(s)
    s.unit, s.token, s.status, s.value, s.info = text(), number(), number(), text(), text()
    s.by, s.fails, s.via = text(), text(), text()
    arrivals(s)
  end,
  start = function(s) s.unit, s.token = text(), number() end,
  park = function(s) s.unit, s.token, s.form, s.due = text(), number(), text(), number() end,
  answer = function(s)
    s.unit, s.round, s.value, s.who, s.again = text(), number(), text(), text(), text() == '1'
    arrivals(s)
  end,
  again = function(s) s.unit, s.token, s.due, s.error = text(), number(), number(), text() end,
  expand = function(s)
    s.unit, s.token, s.window, s.count = text(), number(), number(), number()
    s.first = at
    at = at + s.count
  end,
  round = function(s) s.unit, s.token, s.value = text(), number(), text() end,
  handback = function(s) s.unit, s.token = text(), number() end,
  ['end'] = function(s) s.status, s.error = number(), text() end,
  reopen = function(s) s.deadline, s.told = number(), text() end,
}

local steps, names = {}, {}
while at <= #ARGV do
  local step = {kind = text()}
  parse[step.kind](step)
  steps[#steps + 1] = step
  if step.unit then names[#names + 1] = step.unit end
  if step.via and step.via ~= '' then names[#names + 1] = step.via end
  if step.kind == 'settle' or step.kind == 'answer' then
    if string.find(step.unit, '[', 1, true) then names[#names + 1] = node_of(step.unit) end
    for i = step.first, step.first + 4 * step.count - 1, 4 do names[#names + 1] = ARGV[i] end
  end
end

local function accepts()
  if run.gen ~= generation then return false end
  if run.st >= SUCCEEDED then
    if run.st == SUCCEEDED then return false end
    for _, step in ipairs(steps) do
      if step.kind ~= 'reopen' then return false end
    end
    return true
  end
  for _, step in ipairs(steps) do
    if step.kind == 'answer' then
      local u = units[step.unit]
      if not u or u.st ~= SUSPENDED or u.round ~= step.round then return false end
    elseif step.kind == 'reopen' then
      return false
    elseif step.kind ~= 'end' then
      local u = units[step.via and step.via ~= '' and step.via or step.unit]
      if not u or u.st ~= RUNNING or u.token ~= step.token then return false end
    end
  end
  return true
end

if not load(names) then return nil end
if not accepts() then
  return AGAIN and applied_already() or nil
end
keep_large(large)
run.touched = NOW

local made = {}

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
      made[#made + 1] = u
    end
    return
  end
  if verdict == 2 and (not u.dead or source == s[HANDLES]) then u.dead = source end
  if u.edges == 0 then
    make_ready(u)
    made[#made + 1] = u
  end
end

local function item(parent, index)
  local name = parent.name .. '[' .. index .. ']'
  local u = {name = name, st = READY, edges = 0, data = 0, round = 1, judged = true}
  units[name] = u
  make_ready(u)
  made[#made + 1] = u
end

local function count_item(parent)
  parent.open = parent.open - 1
  touch(parent)
  if parent.next < parent.items then
    parent.next = parent.next + 1
    item(parent, parent.next - 1)
  elseif parent.open == 0 then
    make_ready(parent)
    made[#made + 1] = parent
  end
end

local function take_form_away(u)
  if u.form then
    u.form = nil
    dels[#dels + 1] = 'f:' .. u.name
  end
end

local function void_items(parent)
  local items = {}
  for i = 1, parent.next or 0 do items[i] = parent.name .. '[' .. i - 1 .. ']' end
  fetch(items)
  for _, name in ipairs(items) do
    local u = units[name]
    if u.st < SUCCEEDED then
      if u.st == SUSPENDED then
        run.parked = run.parked - 1
      else
        run.active = run.active - 1
        leave_outbox(u)
      end
      u.st = CANCELLED
      take_form_away(u)
      touch(u)
    end
  end
end

local function settle(step)
  local u = unit(step.unit)
  touch(u)
  if step.via and step.via ~= '' then
    void_items(u)
  elseif u.st == SUSPENDED then
    run.parked = run.parked - 1
  elseif u.st < SUSPENDED then
    run.active = run.active - 1
    leave_outbox(u)
  end
  take_form_away(u)
  u.st = step.status
  u.info = step.info ~= '' and step.info or nil
  u.by = step.by ~= '' and step.by or nil
  u.due = nil
  u.ended = NOW
  u.op = OP
  if step.status == SUCCEEDED then
    values[u.name] = step.value
    set('v:' .. u.name, step.value)
  end
  if step.status == SKIPPED then
    u.try = nil
    tell('node.skipped', u.name, step.info ~= '' and step.info or '{}')
  else
    local rest = step.info ~= '' and ',' .. string.sub(step.info, 2) or '}'
    if step.status == SUCCEEDED then rest = rest .. '\n' .. step.value end
    tell('node.finished', u.name,
      '{"status":"' .. STATUS[step.status] .. '","attempt":' .. (u.try or 0) .. rest)
  end
  if string.find(u.name, '[', 1, true) then
    count_item(unit(node_of(u.name)))
  else
    run.left = run.left - 1
    for i = step.first, step.first + 4 * step.count - 1, 4 do
      arrive(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3] == '1')
    end
  end
  if step.fails and step.fails ~= '' then end_run(FAILED, step.fails) end
end

local function begin_round(u, value)
  values['p:' .. u.name] = value
  set('p:' .. u.name, value)
  u.round = u.round + 1
  u.try = nil
  u.info = nil
  u.due = nil
end

local apply = {
  settle = settle,
  start = function(step)
    local u = unit(step.unit)
    u.judged = true
    u.try = (u.try or 0) + 1
    u.began = NOW
    u.op = OP
    touch(u)
    tell_started(u)
  end,
  park = function(step)
    local u = unit(step.unit)
    run.active = run.active - 1
    run.parked = run.parked + 1
    u.st = SUSPENDED
    u.judged = true
    u.form = true
    u.due = step.due > 0 and step.due or nil
    u.began = u.began or NOW
    u.op = OP
    touch(u)
    set('f:' .. u.name, step.form)
    if u.due then made[#made + 1] = u end
    tell('node.suspended', u.name, '{"round":' .. u.round .. ',' .. string.sub(step.form, 2))
  end,
  answer = function(step)
    local u = unit(step.unit)
    local info = '{"answered_by":' .. string.sub(step.who, 1, -2) .. ',"at":' .. AT .. '}}'
    if not step.again then
      step.status, step.info, step.by = SUCCEEDED, info, ''
      settle(step)
      return
    end
    run.parked = run.parked - 1
    take_form_away(u)
    begin_round(u, step.value)
    u.info = info
    u.op = OP
    make_ready(u)
    made[#made + 1] = u
  end,
  again = function(step)
    local u = unit(step.unit)
    back_to_outbox(u)
    u.due = step.due
    u.info = '{"error":' .. step.error .. '}'
    u.op = OP
    made[#made + 1] = u
    tell('node.retrying', u.name, '{"attempt":' .. (u.try or 0) .. ',"due":'
      .. string.format('%.6f', step.due) .. ',"error":' .. step.error .. '}')
  end,
  expand = function(step)
    local u = unit(step.unit)
    run.active = run.active - 1
    u.judged = true
    u.try = u.try or 1
    u.token = nil
    u.items = step.count
    u.next = math.min(step.window, step.count)
    u.open = step.count
    u.began = NOW
    u.op = OP
    touch(u)
    for i = 0, step.count - 1 do
      local field = 'i:' .. u.name .. '[' .. i .. ']'
      values[field] = ARGV[step.first + i]
      set(field, ARGV[step.first + i])
    end
    tell('node.started', u.name, '{"attempt":' .. u.try .. ',"items":' .. step.count .. '}')
    for i = 0, u.next - 1 do item(u, i) end
  end,
  round = function(step)
    local u = unit(step.unit)
    begin_round(u, step.value)
    back_to_outbox(u)
    u.op = OP
    made[#made + 1] = u
  end,
  handback = function(step)
    local u = unit(step.unit)
    if u.judged or shape(u.name)[JUDGED] == 0 then u.try = (u.try or 0) - 1 end
    back_to_outbox(u)
    u.op = OP
    due_by(NOW)
    if run.most then queue_up(u) end
  end,
  ['end'] = function(step) end_run(step.status, step.error) end,
  reopen = function(step)
    run.gen = run.gen + 1
    run.st = RUNNING
    run.error, run.ended = nil, nil
    run.deadline = step.deadline
    if step.deadline then due_by(step.deadline) end
    run.ready, run.active, run.parked = 0, 0, 0
    redis.call('DEL', RUN .. ':q')
    tell_chain_started(redis.call('HGET', RUN, 'chain'))
    local nodes = {}
    for _, field in ipairs(redis.call('HKEYS', RUN)) do
      if string.find(field, '^u:[^%[]+$') then nodes[#nodes + 1] = string.sub(field, 3) end
    end
    table.sort(nodes)
    fetch(nodes)
    for _, name in ipairs(nodes) do
      local u = units[name]
      if not (u.st == SUCCEEDED or u.st == SKIPPED or u.st == FAILED and u.by) then
        if u.st >= SUCCEEDED then run.left = run.left + 1 end
        for i = 0, (u.items or 0) - 1 do
          for _, kind in ipairs({'u:', 'v:', 'p:', 'i:', 'f:'}) do
            dels[#dels + 1] = kind .. name .. '[' .. i .. ']'
          end
        end
        for _, kind in ipairs({'v:', 'p:', 'f:'}) do dels[#dels + 1] = kind .. name end
        u = {name = name, st = READY, edges = u.edges, data = u.data, dead = u.dead, winner = u.winner,
             round = 1}
        units[name] = u
        touch(u)
        if u.edges == 0 or u.winner and u.edges == u.data then
          make_ready(u)
          made[#made + 1] = u
        end
      end
    end
  end,
}

for _, step in ipairs(steps) do apply[step.kind](step) end

if run.st < SUCCEEDED then
  if run.left == 0 then
    end_run(SUCCEEDED, '')
  elseif run.active == 0 and run.parked > 0 then
    if run.st ~= SUSPENDED then
      run.st = SUSPENDED
      tell('chain.suspended', '', '{}')
    end
  elseif run.st == SUSPENDED then
    run.st = RUNNING
    tell('chain.resumed', '', '{}')
  end
end
local claims, triggers = hand_out(made, worker, want, lease)
save()
return outcome(claims, triggers)
