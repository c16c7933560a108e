-- The items of an `each` node.

local function take_form_away(u)
  if u.form then
    u.form = nil
    dels[#dels + 1] = 'f:' .. u.name
  end
end

-- The unit does not wait for its child any more.
local function leave_child(u)
  if not u.kid then return end
  u.kid.fresh = nil
  if u.kid.value then
    u.kid.value = nil
    dels[#dels + 1] = 'c:' .. u.name
  end
  if u.kid.st < SUCCEEDED then close_children() end
end

local function item(parent, index)
  return parent.name .. '[' .. index .. ']'
end

local function items_of(parent, count)
  local names = {}
  for i = 1, count do names[i] = item(parent, i - 1) end
  fetch(names)
  return names
end

local function forget_item(name)
  for _, kind in ipairs({'u:', 'v:', 'p:', 'i:', 'f:', 'd:', 'c:'}) do dels[#dels + 1] = kind .. name end
  units[name] = false
end

-- Of the items that are settled since before the run was retried, those that are the same now stay; how
-- many. Their texts are ARGV from `first` on.
local function keep_items(parent, first)
  local names, fields, kept = items_of(parent, parent.kept or 0), {}, 0
  if #names == 0 then return 0 end
  for i, name in ipairs(names) do fields[i] = 'i:' .. name end
  local texts = read(fields)
  for i, name in ipairs(names) do
    if units[name] then
      if i <= parent.items and texts[i] == ARGV[first + i - 1] then
        kept = kept + 1
      else
        forget_item(name)
      end
    end
  end
  return kept
end

local function next_item(parent)
  while parent.next < parent.items do
    local name = item(parent, parent.next)
    parent.next = parent.next + 1
    if not (parent.kept and known(name)) then
      local u = {name = name, st = READY, edges = 0, data = 0, round = 1, judged = true}
      units[name] = u
      make_ready(u)
      return
    end
  end
end

local function gather_if_done(parent)
  if parent.open == 0 then make_ready(parent) end
end

local function count_item(parent)
  parent.open = parent.open - 1
  touch(parent)
  next_item(parent)
  gather_if_done(parent)
end

local function void_items(parent)
  for _, name in ipairs(items_of(parent, parent.next or 0)) do
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
      leave_child(u)
      touch(u)
    end
  end
end
