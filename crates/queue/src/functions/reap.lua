-- Closes expired leases that no worker may take over: cancelled, or out of attempts. Closes what waits for a worker longer
-- than whoever asked for it wanted to wait: an API instance that has died waits for nothing any more.
-- KEYS: lanes, done
-- ARGV: lease in ms
-- Returns how many were closed.
local function reap(keys, args)
  local prefix, count, now = prefix_of(keys[1]), 0, now_ms()
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
    for _, waiting in ipairs(waiting_entries(lane, EXPIRED_AT_ONCE)) do
      local id = waiting[2][2]
      local job = prefix .. 'job:' .. id
      local expires = redis.call('HGET', job, 'expires')
      if expires and tonumber(expires) <= now then
        close(job, keys[2], id, 'expired')
        count = count + 1
      end
    end
  end
  return count
end
redis.register_function('atelier_v1_reap', reap)
