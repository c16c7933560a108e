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
  local name = parent.name .. '[' .. index .. ']'
  local u = {name = name, st = READY, edges = 0, data = 0, round = 1, judged = true}
  units[name] = u
  make_ready(u)
end

local function count_item(parent)
  parent.open = parent.open - 1
  touch(parent)
  if parent.next < parent.items then
    parent.next = parent.next + 1
    item(parent, parent.next - 1)
  elseif parent.open == 0 then
    make_ready(parent)
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
      leave_child(u)
      touch(u)
    end
  end
end
