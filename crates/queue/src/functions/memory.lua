-- The memory of a device: who holds what, who waits for how much, and who must leave for whom.
-- A ledger is one string of JSON, so that every call sees and changes the whole of it:
--   total, comfortable    what there is, and what should be held together at most, in MiB
--   heard                 when anybody spoke last
--   closed_until          nothing is granted before: the ledger is new, and others may hold what it does not know
--   places                how many requests have stood in the line by now
--   workers, by name:     lapses (when it counts as dead), lease_ms, measured (what the device is and how much of it is
--                         used, by whomever; for people), and by model
--     holdings            mib, state (loading, busy, idle), load_ms, loaded (since when), changed (since when in this
--                         state), ends (when it will be done, by its own estimate), pinned, evict (it is asked to leave), ask (the request that it was granted for)
--     requests            mib, load_ms, ask, place, since
-- Times are those of this server, in milliseconds. A worker tells how long ago something was, and never when.

-- A ledger that nobody speaks of for so long is forgotten.
local LEDGER_KEPT_MS = 24 * 3600 * 1000
-- A model that was not used for so long is half as likely to be wanted next as one that was used just now.
local HALF_AS_LIKELY_MS = 600 * 1000
-- What was loaded stays for this time at least, and for this many times its load.
local LEAST_RESIDENCY_MS = 5000
local LEAST_RESIDENCY_LOADS = 2
-- How much of a lease a new ledger waits for those who hold memory to say so: two of the five signs of life that a worker
-- gives in a lease. In that time a sign may be missed, or a call that hangs is given up (after a third of the lease) and
-- made again. Who says nothing for longer, and lives all the same, finds that others must leave.
local CLOSED_FOR = 2 / 5
-- How many of those who hold memory are named to one who waits.
local BLOCKERS_NAMED = 8

local function memory_now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Returns the ledger; nothing if there is none, or none that can be read.
local function load_ledger(key)
  local text = redis.call('GET', key)
  if not text then return nil end
  local is_read, ledger = pcall(cjson.decode, text)
  return is_read and ledger or nil
end

-- Takes out the workers that were silent for longer than their lease, with all that they held and asked for.
local function lapse(ledger, now)
  for name, worker in pairs(ledger.workers) do
    if worker.lapses < now then ledger.workers[name] = nil end
  end
end

-- When nobody at all was heard for a whole lease, this server was away and not they: each gets a lease to come back.
local function forgive(ledger, now, lease_ms)
  local was_away = now - ledger.heard > lease_ms
  for _, worker in pairs(ledger.workers) do
    if was_away then worker.lapses = math.max(worker.lapses, now + worker.lease_ms) end
    -- The clock may have been set back.
    worker.lapses = math.min(worker.lapses, now + worker.lease_ms)
  end
  ledger.closed_until = math.min(ledger.closed_until, now + lease_ms)
  ledger.heard = now
end

-- Writes down what a worker says: all that it holds and all that it asks for. What it does not name is gone.
local function note(ledger, now, name, lease_ms, told)
  local before = ledger.workers[name] or {holdings = {}, requests = {}}
  local after = {
    lapses = now + lease_ms, lease_ms = lease_ms, measured = told.measured, holdings = {}, requests = {},
  }
  for _, holding in ipairs(told.holdings) do
    local known = before.holdings[holding.model]
    after.holdings[holding.model] = {
      mib = holding.mib, state = holding.state, load_ms = holding.load_ms, pinned = holding.pinned, ask = holding.ask,
      loaded = now - holding.age_ms, changed = now - holding.state_ms, evict = known and known.evict or false,
      ends = holding.ends_ms and now + holding.ends_ms,
    }
  end
  for _, request in ipairs(told.requests) do
    local granted, known = before.holdings[request.model], before.requests[request.model]
    if granted and granted.ask == request.ask then
      -- It did not hear that it has this already.
      after.holdings[request.model] = granted
    elseif known and known.ask == request.ask then
      after.requests[request.model] = known
    else
      ledger.places = ledger.places + 1
      after.requests[request.model] = {
        mib = request.mib, load_ms = request.load_ms, pinned = request.pinned, ask = request.ask,
        place = ledger.places, since = now,
      }
    end
  end
  ledger.workers[name] = after
end

-- Returns everything that is held but the model of that worker, with the sums of all of it and of what is pinned.
local function held_by_others(ledger, worker_name, model_name)
  local others, sum_mib, pinned_mib = {}, 0, 0
  for name, worker in pairs(ledger.workers) do
    for model, holding in pairs(worker.holdings) do
      if name ~= worker_name or model ~= model_name then
        others[#others + 1] = {worker = name, model = model, holding = holding, asks = worker.requests[model] ~= nil}
        sum_mib = sum_mib + holding.mib
        if holding.pinned then pinned_mib = pinned_mib + holding.mib end
      end
    end
  end
  return others, sum_mib, pinned_mib
end

-- Returns whether so much can never be held beside what is pinned.
local function is_hopeless(ledger, mib, pinned_mib)
  return pinned_mib > 0 and pinned_mib + mib > ledger.total
end

-- Returns up to how much may be held together with the others: what is comfortable, as long as anybody can still leave.
local function limit_beside(ledger, sum_mib, pinned_mib)
  return pinned_mib > 0 and sum_mib == pinned_mib and ledger.total or ledger.comfortable
end

-- Returns the request that came first of those that can be granted at all.
local function first_in_line(ledger)
  local first
  for name, worker in pairs(ledger.workers) do
    for model, request in pairs(worker.requests) do
      if not first or request.place < first.request.place then
        local _, _, pinned_mib = held_by_others(ledger, name, model)
        if not is_hopeless(ledger, request.mib, pinned_mib) then
          first = {worker = name, model = model, request = request}
        end
      end
    end
  end
  return first
end

-- Returns what a MiB of it is worth: the cost to have it back, times how likely it is wanted, for each MiB.
local function value_of(holding, now)
  local idle_ms = holding.state == 'idle' and math.max(0, now - holding.changed) or 0
  return holding.load_ms / (1 + idle_ms / HALF_AS_LIKELY_MS) / math.max(1, holding.mib)
end

local function may_leave_at(holding)
  return holding.loaded + math.max(LEAST_RESIDENCY_MS, LEAST_RESIDENCY_LOADS * holding.load_ms)
end

-- Chooses who leaves so that `excess_mib` become free, and asks those of them to leave whose time has come. First count
-- the idle that were asked already and may be on their way, or two would leave for one; then the other idle, those that
-- were loaded just now, and the busy; among these the least valuable. Whoever waits for more works on nothing and counts
-- as idle. Nobody else is asked any longer.
-- The models of the worker that waits have no time to wait for: it has chosen itself what to do next.
local function ask_to_leave(holdings, excess_mib, now, waiting_worker)
  local candidates = {}
  for _, other in ipairs(holdings) do
    local holding = other.holding
    if not holding.pinned then
      other.is_due = other.worker == waiting_worker or now >= may_leave_at(holding)
      if holding.state ~= 'idle' and not other.asks then
        other.rank = 3
      elseif holding.evict then
        other.rank = 0
      else
        other.rank = other.is_due and 1 or 2
      end
      other.value = value_of(holding, now)
      candidates[#candidates + 1] = other
    end
    other.was_asked = holding.evict
    holding.evict = false
  end
  table.sort(candidates, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    if a.value ~= b.value then return a.value < b.value end
    if a.worker ~= b.worker then return a.worker < b.worker end
    return a.model < b.model
  end)
  local leaving, freed_mib = {}, 0
  for _, candidate in ipairs(candidates) do
    if freed_mib >= excess_mib then break end
    freed_mib = freed_mib + candidate.holding.mib
    leaving[#leaving + 1] = candidate
  end
  -- A large one that leaves last may make the place of a small one that was to leave before it. Who was asked already may
  -- be on its way, so the others stay first.
  for _, was_asked in ipairs({false, true}) do
    for _, candidate in ipairs(leaving) do
      if candidate.was_asked == was_asked and freed_mib - candidate.holding.mib >= excess_mib then
        freed_mib = freed_mib - candidate.holding.mib
        candidate.stays = true
      end
    end
  end
  for _, candidate in ipairs(leaving) do
    if not candidate.stays then candidate.holding.evict = candidate.was_asked or candidate.is_due end
  end
end

-- Grants what fits, in the order of the line, and asks others to leave for the first that does not fit. Whoever must hear
-- of it is put into `wake`.
local function settle_memory(ledger, now, wake)
  while now >= ledger.closed_until do
    local first = first_in_line(ledger)
    if not first then break end
    local worker, request = ledger.workers[first.worker], first.request
    local known = worker.holdings[first.model]
    if known then known.evict = false end
    local others, sum_mib, pinned_mib = held_by_others(ledger, first.worker, first.model)
    local excess_mib = sum_mib + request.mib - limit_beside(ledger, sum_mib, pinned_mib)
    if #others > 0 and excess_mib > 0 then
      ask_to_leave(others, excess_mib, now, first.worker)
      for _, other in ipairs(others) do
        if other.holding.evict and not other.was_asked then wake[other.worker] = true end
      end
      return
    end
    worker.requests[first.model] = nil
    worker.holdings[first.model] = {
      mib = request.mib, load_ms = request.load_ms, pinned = request.pinned, ask = request.ask, evict = false,
      state = known and 'busy' or 'loading', loaded = known and known.loaded or now, changed = now,
    }
    wake[first.worker] = true
  end
  -- Nobody waits for memory. But somebody may have come back who had counted as dead.
  local all, sum_mib = held_by_others(ledger)
  ask_to_leave(all, sum_mib - ledger.total, now)
  for _, other in ipairs(all) do
    if other.holding.evict and not other.was_asked then wake[other.worker] = true end
  end
end

-- Returns why a request waits, as JSON.
local function reason_to_wait(ledger, now, name, model, request)
  local others, sum_mib, pinned_mib = held_by_others(ledger, name, model)
  local ahead = 0
  for _, worker in pairs(ledger.workers) do
    for _, other in pairs(worker.requests) do
      if other.place < request.place then ahead = ahead + 1 end
    end
  end
  local reason = {
    model = model, ask = request.ask, needed_mib = request.mib, ahead = ahead,
    free_mib = math.max(0, limit_beside(ledger, sum_mib, pinned_mib) - sum_mib),
    closed_ms = math.max(0, ledger.closed_until - now),
    is_hopeless = is_hopeless(ledger, request.mib, pinned_mib),
  }
  table.sort(others, function(a, b)
    if a.holding.mib ~= b.holding.mib then return a.holding.mib > b.holding.mib end
    if a.worker ~= b.worker then return a.worker < b.worker end
    return a.model < b.model
  end)
  for i = 1, math.min(#others, BLOCKERS_NAMED) do
    local holding = others[i].holding
    reason.blockers = reason.blockers or {}
    reason.blockers[i] = {
      worker = others[i].worker, model = others[i].model, mib = holding.mib, state = holding.state,
      state_ms = math.max(0, now - holding.changed), ends_ms = holding.ends and math.max(0, holding.ends - now), is_pinned = holding.pinned, is_leaving = holding.evict,
    }
  end
  return cjson.encode(reason)
end

-- Takes what a worker says about a device, and answers with what was decided: granted, to be left, and why the rest waits.
-- A worker says everything each time, so nothing has to be repeated or undone when a call or an answer is lost.
-- KEYS: ledger, ledgers
-- ARGV: device, worker, lease in ms, beginning of the names of the channels, JSON {total, comfortable,
--       [measured], holdings: [{model, mib, state, load_ms, age_ms, state_ms, [ends_ms], pinned, ask}], requests: [{model, mib, load_ms, pinned, ask}]}
-- Returns granted asks, models that must leave, reasons of those that wait as JSON.
local function memory_sync(keys, args)
  local device, name, lease_ms, told = args[1], args[2], tonumber(args[3]), cjson.decode(args[5])
  local now = memory_now()
  local fresh = {heard = now, closed_until = now + math.ceil(CLOSED_FOR * lease_ms), places = 0, workers = {}}
  local ledger = load_ledger(keys[1]) or fresh
  ledger.total, ledger.comfortable = told.total, told.comfortable
  forgive(ledger, now, lease_ms)
  lapse(ledger, now)
  note(ledger, now, name, lease_ms, told)
  local wake = {}
  settle_memory(ledger, now, wake)
  redis.call('SET', keys[1], cjson.encode(ledger), 'PX', LEDGER_KEPT_MS)
  redis.call('SADD', keys[2], device)
  for other in pairs(wake) do
    -- The quick way. The certain one is that everybody asks again every second.
    if other ~= name then redis.call('PUBLISH', args[4] .. other, 'look ' .. device) end
  end
  local own = ledger.workers[name]
  local granted, leaving, waiting = {}, {}, {}
  for _, request in ipairs(told.requests) do
    local holding = own.holdings[request.model]
    if holding and holding.ask == request.ask then granted[#granted + 1] = request.ask end
  end
  for model, holding in pairs(own.holdings) do
    if holding.evict then leaving[#leaving + 1] = model end
  end
  for model, request in pairs(own.requests) do
    waiting[#waiting + 1] = reason_to_wait(ledger, now, name, model, request)
  end
  return {granted, leaving, waiting}
end
redis.register_function('atelier_v1_memory_sync', memory_sync)

-- Shows a ledger to people.
-- KEYS: ledger
-- Returns the time, and the ledger as JSON; nothing if there is none.
local function memory_read(keys)
  local ledger, now = load_ledger(keys[1]), memory_now()
  if not ledger then return nil end
  lapse(ledger, now)
  return {now, cjson.encode(ledger)}
end
redis.register_function{function_name = 'atelier_v1_memory_read', callback = memory_read, flags = {'no-writes'}}
