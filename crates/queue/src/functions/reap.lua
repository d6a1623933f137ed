-- Closes expired leases that no worker may take over: cancelled, or out of attempts.
-- KEYS: lanes, done
-- ARGV: lease in ms
-- Returns how many were closed.
local function reap(keys, args)
  local prefix, count = prefix_of(keys[1]), 0
  for _, name in ipairs(redis.call('ZRANGE', keys[1], 0, -1)) do
    local lane, from = prefix .. 'lane:' .. name, '-'
    for _ = 1, EXPIRED_AT_ONCE do
      local entry, id, job = next_expired(lane, args[1], from)
      if not entry then break end
      from = '(' .. entry
      local known = redis.call('HMGET', job, 'cancel', 'attempts', 'max_attempts')
      if known[1] == '1' then
        close(job, keys[2], id, 'cancelled')
        count = count + 1
      elseif tonumber(known[2]) >= tonumber(known[3]) then
        close(job, keys[2], id, 'dead')
        count = count + 1
      end
    end
  end
  return count
end
redis.register_function('atelier_v1_reap', reap)
