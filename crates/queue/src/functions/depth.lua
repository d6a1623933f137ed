-- Counts what waits and what runs.
-- KEYS: lanes
-- Returns waiting, running, and how many milliseconds the oldest waiting one has waited since it was published.
local function depth(keys)
  local prefix = prefix_of(keys[1])
  local now = now_ms()
  local queued, running, oldest_ms = 0, 0, 0
  for _, name in ipairs(redis.call('ZRANGE', keys[1], 0, -1)) do
    local lane = prefix .. 'lane:' .. name
    local group = redis.call('XINFO', 'GROUPS', lane)[1]
    local about = {}
    for i = 1, #group, 2 do about[group[i]] = group[i + 1] end
    running = running + about['pending']
    queued = queued + redis.call('XLEN', lane) - about['pending']
    local first = redis.call('XRANGE', lane, '(' .. about['last-delivered-id'], '+', 'COUNT', 1)[1]
    if first then oldest_ms = math.max(oldest_ms, now - tonumber(string.match(first[1], '^%d+'))) end
  end
  return {queued, running, oldest_ms}
end
redis.register_function{function_name = 'atelier_v1_depth', callback = depth, flags = {'no-writes'}}
