-- Hands the next job to a worker.
-- KEYS: lanes, done, events
-- ARGV: worker, token (random, made by the caller), lease in ms (0: do not look for expired leases),
--       its memory in MiB (0: takes jobs of any size),
--       1 (warm models first) or -1 (warm models last), number of warm models, warm models (best first), excluded models
-- Returns nothing, or id, attempt, attempts in all, job JSON.

-- Returns the lanes in the order in which this worker wants them: rank, then warmth, then the oldest head.
-- The arguments of `lease` come after the first `skip` ones.
local function lanes_in_order(lanes_key, prefix, args, skip)
  local memory, prefer, warm_count = tonumber(args[skip + 4]), tonumber(args[skip + 5]), tonumber(args[skip + 6])
  local warmth, excluded = {}, {}
  for i = 1, warm_count do warmth[args[skip + 6 + i]] = (warm_count - i + 1) * prefer end
  for i = skip + 7 + warm_count, #args do excluded[args[i]] = true end

  local listed = redis.call('ZRANGE', lanes_key, 0, -1, 'WITHSCORES')
  local lanes = {}
  for i = 1, #listed, 2 do
    local model, too_little = string.match(listed[i], '[^:]*$'), string.match(listed[i], ':>(%d+):')
    local has_enough = not too_little or memory == 0 or memory > tonumber(too_little)
    if has_enough and not excluded[model] then
      lanes[#lanes + 1] = {
        name = listed[i], key = prefix .. 'lane:' .. listed[i], rank = tonumber(listed[i + 1]), warmth = warmth[model] or 0,
      }
    end
  end
  if #lanes < 2 then return lanes end
  -- Only asked where nothing else decides, because it costs two calls.
  local function head(lane)
    if not lane.head then
      local first = waiting_entries(lane.key, 1)[1]
      local ms, sequence = string.match(first and first[1] or '9e15-0', '^(.*)-(.*)$')
      lane.head = {tonumber(ms), tonumber(sequence)}
    end
    return lane.head
  end
  table.sort(lanes, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    if a.warmth ~= b.warmth then return a.warmth > b.warmth end
    if a.key == b.key then return false end
    local x, y = head(a), head(b)
    if x[1] ~= y[1] then return x[1] < y[1] end
    if x[2] ~= y[2] then return x[2] < y[2] end
    return a.key < b.key
  end)
  return lanes
end

-- Hands over a job whose entry is in the pending entries list under this worker by now, if it may still run.
local function hand_over(prefix, lane, entry, id, done, events, worker, token)
  local job = prefix .. 'job:' .. id
  local known = redis.call('HMGET', job, 'entry', 'cancel', 'attempts', 'max_attempts', 'job', 'reply')
  if known[1] ~= entry then
    take_out(lane, entry)
    return nil
  end
  if known[2] == '1' then
    close(job, done, id, 'cancelled')
    return nil
  end
  local attempt = known[3] + 1
  if attempt > tonumber(known[4]) then
    close(job, done, id, 'dead')
    return nil
  end
  redis.call('HSET', job, 'state', 'running', 'token', token, 'worker', worker, 'attempts', attempt)
  local running = '{"type":"running","worker":' .. cjson.encode(worker) .. ',"attempt":' .. attempt .. '}'
  emit(events, id, running, known[6])
  return {id, attempt, tonumber(known[4]), known[5]}
end

local function next_job(lanes_key, done, events, args, skip)
  local worker, token, lease_ms = args[skip + 1], args[skip + 2], tonumber(args[skip + 3])
  local prefix = prefix_of(lanes_key)
  for _, lane in ipairs(lanes_in_order(lanes_key, prefix, args, skip)) do
    if lease_ms > 0 then
      for _ = 1, EXPIRED_AT_ONCE do
        local entry, id, job = next_expired(lane.key, lease_ms, '-')
        if not entry then break end
        redis.call('XCLAIM', lane.key, 'w', worker, 0, entry, 'JUSTID')
        redis.call('HDEL', job, 'progress')
        local handed = hand_over(prefix, lane.key, entry, id, done, events, worker, token)
        if handed then return handed end
      end
    end
    while true do
      local read = redis.call('XREADGROUP', 'GROUP', 'w', worker, 'COUNT', 1, 'STREAMS', lane.key, '>')
      if not read then break end
      local entry = read[1][2][1]
      local handed = hand_over(prefix, lane.key, entry[1], entry[2][2], done, events, worker, token)
      if handed then return handed end
    end
    if redis.call('XLEN', lane.key) == 0 then
      redis.call('ZREM', lanes_key, lane.name)
      redis.call('DEL', lane.key)
    end
  end
  return nil
end

local function lease(keys, args)
  return next_job(keys[1], keys[2], keys[3], args, 0)
end
redis.register_function('atelier_v1_lease', lease)
