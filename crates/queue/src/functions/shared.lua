-- What several functions need. Every function runs alone and whole: nobody sees a state between two of its lines.
-- The rules that hold after each of them are listed in keys.rs.

-- How many events can be replayed, roughly: Valkey trims in whole nodes.
local EVENTS_KEPT = 20000

-- An expired lease costs a few calls; a lane with many of them must not hold up the server.
local EXPIRED_AT_ONCE = 16

local QUEUED = '{"type":"queued"}'
local CANCEL_REQUESTED = '{"type":"cancel_requested"}'

-- Returns what time it is on the server.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Returns '{prefix}:' of any of our keys, so that keys that only Valkey knows can be named.
local function prefix_of(key)
  return string.match(key, '^{[^}]*}:')
end

-- Tells the watchers. A job with a reply channel has none: whoever asked for it hears the worker itself, and so many
-- events would push out those of the others.
local function emit(events, id, change, reply)
  if reply then return end
  redis.call('XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'id', id, 'change', change)
end

-- Returns the oldest entries of a lane that nobody has.
local function waiting_entries(lane, count)
  local group = redis.call('XINFO', 'GROUPS', lane)[1]
  local delivered
  for i = 1, #group, 2 do if group[i] == 'last-delivered-id' then delivered = group[i + 1] end end
  return redis.call('XRANGE', lane, '(' .. delivered, '+', 'COUNT', count)
end

-- Takes an entry out of its lane, whether it waits or somebody has it.
local function take_out(lane, entry)
  redis.call('XACK', lane, 'w', entry)
  redis.call('XDEL', lane, entry)
end

-- Puts an end to this generation of a job: it leaves its lane, and the done stream says so. The hash stays until the API
-- has written the end to SQL and settles. Of a job with a reply channel SQL knows nothing: the channel hears of its end,
-- and nothing is left.
local function conclude(job, done, id, outcome, payload, lane, entry, generation, attempts, worker, reply)
  take_out(lane, entry)
  if reply then
    redis.call('DEL', job)
    redis.call('PUBLISH', prefix_of(job) .. 'reply:' .. reply, 'end ' .. id .. ' ' .. outcome .. ' ' .. payload)
    return
  end
  redis.call('HSET', job, 'state', outcome)
  redis.call('XADD', done, '*', 'id', id, 'generation', generation, 'outcome', outcome, 'attempts', attempts,
    'worker', worker, 'payload', payload)
end

-- Ends a job for which no worker speaks.
local function close(job, done, id, outcome)
  local known = redis.call('HMGET', job, 'lane', 'entry', 'generation', 'attempts', 'worker', 'reply')
  conclude(job, done, id, outcome, '', known[1], known[2], known[3], known[4], known[5] or '', known[6])
end

-- Puts a job at the end of a lane, which begins with it if need be. Returns its entry.
local function line_up(lane, id)
  if redis.call('EXISTS', lane) == 0 then redis.call('XGROUP', 'CREATE', lane, 'w', '0', 'MKSTREAM') end
  return redis.call('XADD', lane, '*', 'id', id)
end

-- Puts a running job into a lane, as if this attempt had never been.
local function put_back(job, lane, events, wake, id)
  local known = redis.call('HMGET', job, 'lane', 'entry', 'attempts', 'reply')
  take_out(known[1], known[2])
  local entry = line_up(lane, id)
  redis.call('HSET', job, 'state', 'queued', 'lane', lane, 'entry', entry, 'attempts', tonumber(known[3]) - 1)
  redis.call('HDEL', job, 'token', 'worker', 'progress')
  redis.call('XADD', wake, 'MAXLEN', 1, '*', 'n', '1')
  emit(events, id, QUEUED, known[4])
end

-- Returns the first entry after `from` whose holder was silent for longer than both the caller and the job allow,
-- with the id of its job. Only the clock of the server counts: it is the idle time of the pending entries list.
local function next_expired(lane, lease_ms, from)
  for _ = 1, EXPIRED_AT_ONCE do
    local pending = redis.call('XPENDING', lane, 'w', 'IDLE', lease_ms, from, '+', 1)
    if #pending == 0 then return nil end
    local entry, idle_ms = pending[1][1], tonumber(pending[1][3])
    from = '(' .. entry
    local found = redis.call('XRANGE', lane, entry, entry)
    if #found == 0 then
      redis.call('XACK', lane, 'w', entry)
    else
      local id = found[1][2][2]
      local job = prefix_of(lane) .. 'job:' .. id
      local known = redis.call('HMGET', job, 'entry', 'lease_ms')
      if known[1] ~= entry then
        take_out(lane, entry)
      elseif idle_ms >= tonumber(known[2]) then
        return entry, id, job
      end
    end
  end
  return nil
end
