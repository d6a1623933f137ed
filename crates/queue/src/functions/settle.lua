-- Forgets what SQL has: done entries, and their jobs unless these were published again since.
-- KEYS: done, one job an entry
-- ARGV: generation and done entry of each
-- Returns how many jobs were forgotten.
local function settle(keys, args)
  local count = 0
  local entries = {}
  for i = 2, #keys do entries[i - 1] = args[2 * i - 2] end
  redis.call('XACK', keys[1], 'api', unpack(entries))
  redis.call('XDEL', keys[1], unpack(entries))
  for i = 2, #keys do
    local generation = args[2 * i - 3]
    local known = redis.call('HMGET', keys[i], 'generation', 'state', 'lane', 'entry')
    if known[1] == generation then
      -- It lives again only if an older image of the data came back between the commit and this call.
      if known[2] == 'queued' or known[2] == 'running' then take_out(known[3], known[4]) end
      count = count + redis.call('DEL', keys[i])
    end
  end
  return count
end
redis.register_function('atelier_v1_settle', settle)
